"""Batches of patches as NumPy arrays: from shards, or generated online."""
