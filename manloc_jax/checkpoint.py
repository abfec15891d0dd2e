"""Restores a trained run: `load` of `training.checkpoint` by a short name."""

from manloc_jax.training.checkpoint import load
from manloc_jax.training.trained_run import Run

__all__ = ['Run', 'load']
