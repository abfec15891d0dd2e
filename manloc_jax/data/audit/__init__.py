"""Audits an image tree: checks every file and measures leaks."""
