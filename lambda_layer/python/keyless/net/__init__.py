"""Connections to Google, and requests over them."""
