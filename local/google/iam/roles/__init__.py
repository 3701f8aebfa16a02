"""Predefined roles with the permissions that this cloud checks, and custom ones."""
