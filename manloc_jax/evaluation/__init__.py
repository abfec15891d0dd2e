"""Scores of patches, whole images and degraded images."""
