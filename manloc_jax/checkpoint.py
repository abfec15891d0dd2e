"""Restores a trained network: `load_run` of `training.network_weights`."""

from manloc_jax.training.network_weights import load_run as load
from manloc_jax.training.trained_run import Run

__all__ = ['Run', 'load']
