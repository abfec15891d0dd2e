"""From batches to checkpoints: state, steps, losses and the loop."""
