# The newest is not asked for: .terraform.lock.hcl says which one it is, with its checksums.
terraform {
  required_version = ">= 1.10, < 2.0" # the first whose S3 backend locks without a table

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 7.45"
    }
  }

  # Bucket, key and region come from the build (buildspec.yml): they are the stack's, not the configuration's.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

# No credentials here and none in the build: `python -m keyless exec` hands them out while the command runs.
provider "google" {
  project = var.project
}
