"""The mean mask, which is a baseline of every score."""

import numpy as np

from manloc_jax.data.storage import backend
from manloc_jax.training import evaluator


def _batches(*masks, weights):
  return lambda *unused, **options: iter([{
      'mask': np.stack(masks).astype(np.uint8), 'weight': np.array(weights)
  }])  # fmt: skip


def test_padding_does_not_count(monkeypatch):
  one, none = np.ones((64, 64)), np.zeros((64, 64))
  batches = _batches(one, none, one, weights=[1, 1, 0])
  monkeypatch.setattr(backend, 'eval_batches', batches)
  np.testing.assert_array_equal(evaluator.mean_mask(None), 0.5 * one)


def test_a_split_without_patches_has_a_mean_mask(monkeypatch):
  """Online generation trains on none of the prepared patches."""
  monkeypatch.setattr(
      backend, 'eval_batches', lambda *unused, **options: iter(())
  )
  np.testing.assert_array_equal(
      evaluator.mean_mask(None), np.zeros((64, 64))
  )
