"""Cuts degraded test images into windows and yields them as batches.

The windows are cut by the code that prepares `test_grid`, so that images left
as they are give the patches of that split. Shards hold them in another order,
which shows in the last digits of a mean loss. As there, the windows at the
right and lower borders may overlap their neighbours.
"""

from collections.abc import Iterable, Iterator
import itertools

import numpy as np

from manloc_jax.data import compression as compression_lib
from manloc_jax.data import degrade
from manloc_jax.data import spec
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.data.sampling import extract
from manloc_jax.data.sampling import patches

SPLIT = 'test_grid'


def cut(
    record: spec.Record,
    job: extract.Job,
    series: str | None = None,
    level: degrade.Level = 0,
) -> patches.Cut:
  """Degrades an image and cuts out every native window, in a worker.

  Args:
    record: The image.
    job: How its set was prepared. The seed and the image's name fix the
      noise, which is the same at all levels but for its strength.
    series: Key of `degrade.SERIES`; None leaves the image as it is.
    level: Of the series.

  Returns:
    The windows, labelled by the degraded mask; none if the degraded image is
    smaller than a window. Their quantization table is that of the last
    compression of the degraded image, or of the file of one that is left as it
    is; otherwise it is of ones.

  Raises:
    DataError: The files have changed since they were prepared.
  """
  image, mask, _ = extract.load(record, job)
  if series is None:
    quantization = quantization_lib.read(record.image)
  else:
    rng = patches.rng_for(job.seed, record.image_id)
    degraded = degrade.SERIES[series].apply(image, mask, level, rng)
    image, mask = degraded.pixels, degraded.mask
    quantization = None
    if degraded.jpeg is not None:
      quantization = quantization_lib.of_bytes(degraded.jpeg)
  compression = compression_lib.measure(image, quantization)
  return extract.cut_windows(image, mask, job.sampler, compression)


def batches(
    cuts: Iterable[patches.Cut],
    *,
    batch_size: int,
    process: tuple[int, int] = (0, 1),
) -> Iterator[dict[str, np.ndarray]]:
  """Yields every window once, in order, as `backend.eval_batches` does.

  Every process goes through all images and yields its own windows, in equally
  many batches.

  Args:
    cuts: The windows of each image, in the order of `image_index`.
    batch_size: Patches per batch of this process.
    process: `(index, count)` of this process.

  Yields:
    `image` uint8[batch, 64, 64, 3], `mask` uint8[batch, 64, 64],
    `compression` uint8[batch, 8, 8, 34], `label` and `image_index`
    int32[batch], and `weight` f32[batch], zero for padding.
  """
  index, processes = process
  rows = ((i, patch) for i, windows in enumerate(cuts) for patch in windows)
  while of_all := list(itertools.islice(rows, batch_size * processes)):
    own = of_all[index * batch_size : (index + 1) * batch_size]
    batch: dict[str, np.ndarray] = {
        'image': np.zeros((batch_size, spec.SIDE, spec.SIDE, 3), np.uint8),
        'mask': np.zeros((batch_size, spec.SIDE, spec.SIDE), np.uint8),
        'compression': np.tile(
            compression_lib.NONE, (batch_size, 1, 1, 1)
        ),
        'label': np.zeros(batch_size, np.int32),
        'image_index': np.zeros(batch_size, np.int32),
        'weight': (np.arange(batch_size) < len(own)).astype(np.float32),
    }
    for row, (image_index, patch) in enumerate(own):
      batch['image'][row] = patch.image
      batch['mask'][row] = patch.mask
      batch['compression'][row] = patch.compression
      batch['label'][row] = patch.label
      batch['image_index'][row] = image_index
    yield batch
