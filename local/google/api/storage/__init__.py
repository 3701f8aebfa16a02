"""Cloud Storage: buckets and objects in memory, behind the JSON API and its permissions."""
