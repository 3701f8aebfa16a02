"""Cloud Storage's JSON API: methods of buckets and objects, uploads, and refusals in its own shape."""
