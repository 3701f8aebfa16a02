"""Events into BigQuery: an example to copy, folder and all."""
