"""Restores a trained run: `load` of `training.checkpoint` by its older name."""

from manloc_jax.training.checkpoint import load
from manloc_jax.training.checkpoint import Run

__all__ = ['Run', 'load']
