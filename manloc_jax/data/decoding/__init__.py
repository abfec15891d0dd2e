"""Decodes image files: formats, limits, irregular JPEG files and masks."""
