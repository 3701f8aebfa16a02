"""Workload identity federation: pools and providers, proof of an AWS identity, and what it is mapped to."""
