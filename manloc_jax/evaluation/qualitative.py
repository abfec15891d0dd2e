"""Assembles whole test images from their patches, and scores them."""

import pathlib
from typing import Any

import numpy as np

from manloc_jax import files
from manloc_jax.data.storage import backend
from manloc_jax.data.storage import prepared_set
from manloc_jax.localization import network


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

  The images are chosen evenly over the split, not picked by their scores. They
  are what the windows cover, and are scored as `manloc localize` does, with
  windows that overlap.

  Args:
    path: The `.npz` to write: arrays `<index>/image` uint8[h, w, 3],
      `<index>/truth` uint8[h, w] and `<index>/score` f32[h, w].
    model: A module of `models`.
    params: Its parameters.
    mesh: Devices, of which those of this process are used.
    prepared: The prepared set.
    split: A split of non-overlapping windows, such as `test_grid`.
    images: How many images.
    batch_size: Patches over all devices.
  """
  total = len(prepared.image_ids(split))
  chosen = set(np.linspace(0, total - 1, images).round().astype(int).tolist())
  localizer = network.NetworkLocalizer(
      model, params, devices=list(mesh.local_devices)
  )
  by_image: dict[int, list] = {index: [] for index in sorted(chosen)}
  for batch in backend.eval_batches(prepared, split, batch_size=batch_size):
    wanted = np.isin(batch['image_index'], list(chosen)) & (batch['weight'] > 0)
    for i in np.flatnonzero(wanted):
      by_image[int(batch['image_index'][i])].append((
          tuple(batch['box'][i, :2]),
          batch['image'][i],
          batch['mask'][i],
          batch['compression'][i],
      ))
  arrays: dict[str, Any] = {}
  for index, patches in by_image.items():
    image, truth = _assemble(patches)
    quantization = patches[0][-1][..., 0].astype(np.int32)
    arrays |= {
        f'{index}/image': image,
        f'{index}/truth': truth,
        f'{index}/score': localizer.score_map(image, quantization),
    }
  with files.replacing(path) as temporary, temporary.open('wb') as file:
    np.savez_compressed(file, **arrays)


def _assemble(patches) -> tuple[np.ndarray, np.ndarray]:
  """Lays `((top, left), image, mask, _)` patches on one canvas.

  Returns:
    The image, uint8[h, w, 3], and its truth, uint8[h, w].
  """
  side = patches[0][1].shape[0]
  height = max(top for (top, _), *_ in patches) + side
  width = max(left for (_, left), *_ in patches) + side
  image = np.zeros((height, width, 3), np.uint8)
  truth = np.zeros((height, width), np.uint8)
  for (top, left), pixels, mask, _ in patches:
    image[top : top + side, left : left + side] = pixels
    truth[top : top + side, left : left + side] = mask
  return image, truth
