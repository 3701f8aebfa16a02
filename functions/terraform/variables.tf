variable "project" {
  description = "The Google project's ID"
  type        = string
}

variable "stage" {
  description = "Part of every name, so that stages can share a project"
  type        = string
}

variable "location" {
  description = "Where data is kept: a region, or EU or US"
  type        = string
  default     = "EU"
}

variable "scratch_days" {
  description = "After how many days a table of the dataset is deleted"
  type        = number
  default     = 30
}

variable "kept_versions" {
  description = "How many older versions of an object are kept"
  type        = number
  default     = 3
}
