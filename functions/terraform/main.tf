# What people start with. Put your own in its place; grant Terraform's service account just the roles that it needs.

resource "google_bigquery_dataset" "scratch" {
  dataset_id                  = "keyless_terraform_${var.stage}"
  description                 = "Made by Terraform from AWS CodeBuild, without a key"
  location                    = var.location
  default_table_expiration_ms = var.scratch_days * 24 * 60 * 60 * 1000
}

# It expires with the dataset's default. The next apply makes it anew.
resource "google_bigquery_table" "events" {
  dataset_id          = google_bigquery_dataset.scratch.dataset_id
  table_id            = "events"
  deletion_protection = false

  schema = jsonencode([
    { name = "time", type = "TIMESTAMP", mode = "REQUIRED" },
    { name = "type", type = "STRING", mode = "REQUIRED" },
    { name = "data", type = "JSON", mode = "NULLABLE" },
  ])
}

# Names of buckets are Google's, not the project's: the project's ID makes this one unique.
resource "google_storage_bucket" "files" {
  name                        = "${replace(var.project, "/[^a-z0-9-]/", "-")}-keyless-${var.stage}"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    condition {
      num_newer_versions = var.kept_versions
    }
    action {
      type = "Delete"
    }
  }
}
