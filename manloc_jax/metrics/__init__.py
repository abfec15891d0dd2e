"""Computes named scores from counts that are summed on devices."""
