"""Trains networks: state, steps, losses, checkpoints and the loop."""
