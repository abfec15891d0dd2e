"""From image trees to batches of patches."""
