"""Assembles whole test images from their scored patches, for figures."""

import pathlib
from typing import Any

import numpy as np

from manloc_jax import files
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.training import sharding
from manloc_jax.training import steps


def save(
    path: pathlib.Path,
    *,
    model,
    params: Any,
    mesh,
    prepared: prepared_set.PreparedSet,
    split: str,
    images: int,
    batch_size: int,
) -> None:
  """Scores a few images of a split of non-overlapping windows.

  The images are chosen evenly over the split, not picked by their scores.

  Args:
    path: The `.npz` to write: arrays `<index>/image` uint8[h, w, 3],
      `<index>/truth` uint8[h, w] and `<index>/score` f32[h, w].
    model: A module of `models`.
    params: Its parameters.
    mesh: Devices.
    prepared: The prepared set.
    split: A split of non-overlapping windows, such as `test_grid`.
    images: How many images.
    batch_size: Patches over all devices.
  """
  total = len(prepared.image_ids(split))
  chosen = set(np.linspace(0, total - 1, images).round().astype(int).tolist())
  predict = steps.make_predict_step(model, mesh)
  by_image: dict[int, list] = {index: [] for index in sorted(chosen)}
  for batch in backend.eval_batches(prepared, split, batch_size=batch_size):
    wanted = np.isin(batch['image_index'], list(chosen)) & (batch['weight'] > 0)
    if not wanted.any():
      continue
    inputs = (batch['image'], batch['compression'])
    _, score = predict(params, *sharding.put_batch(inputs, mesh))
    score = np.asarray(score)
    for i in np.flatnonzero(wanted):
      by_image[int(batch['image_index'][i])].append((
          tuple(batch['box'][i, :2]),
          batch['image'][i],
          batch['mask'][i],
          score[i],
      ))
  arrays: dict[str, Any] = {}
  for index, patches in by_image.items():
    for key, array in _assemble(patches).items():
      arrays[f'{index}/{key}'] = array
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    np.savez_compressed(file, **arrays)


def _assemble(patches) -> dict[str, np.ndarray]:
  """Lays `((top, left), image, mask, score)` patches on one canvas."""
  side = patches[0][1].shape[0]
  height = max(top for (top, _), *_ in patches) + side
  width = max(left for (_, left), *_ in patches) + side
  canvas = {
      'image': np.zeros((height, width, 3), np.uint8),
      'truth': np.zeros((height, width), np.uint8),
      'score': np.zeros((height, width), np.float32),
  }
  for (top, left), *layers in patches:
    for array, layer in zip(canvas.values(), layers, strict=True):
      array[top : top + side, left : left + side] = layer
  return canvas
