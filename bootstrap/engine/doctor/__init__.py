"""Preflight: what this machine lacks, and what the nodes of a running cluster say. Nothing here changes anything."""
