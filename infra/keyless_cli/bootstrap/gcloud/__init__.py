"""The bootstrap as a shell script of gcloud commands."""
