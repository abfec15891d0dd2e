"""Yields batches of patches as NumPy arrays, read or generated online."""
