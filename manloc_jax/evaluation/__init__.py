"""Scores methods on patches, on whole images and on degraded images."""
