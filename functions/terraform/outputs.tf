output "table" {
  description = "The table, as SQL names it"
  value       = "${var.project}.${google_bigquery_table.events.dataset_id}.${google_bigquery_table.events.table_id}"
}

output "bucket" {
  description = "The bucket's address"
  value       = google_storage_bucket.files.url
}
