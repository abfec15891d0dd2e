"""Turns image trees into batches of patches."""
