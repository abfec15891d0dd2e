"""Degrades an image to a file and scores methods on it.

A worker begins: it degrades, and runs what may run in workers. This process
finishes with methods on devices, on the pixels that the worker hands over.

Nothing here imports JAX, so that worker processes start fast.
"""

from collections.abc import Mapping
import dataclasses
import pathlib
from typing import Any

import numpy as np
from PIL import Image

from manloc_jax.data import degrade
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data.sampling import patches
from manloc_jax.evaluation import scoring
from manloc_jax.localization import localizer as localizer_lib

Row = dict[str, Any]
Methods = Mapping[str, localizer_lib.Localizer]

SEED = 0  # Of the noise, together with the name of the image.
# What a row keeps of `scoring.Scored`: nothing that differs between two runs.
_MEASURES = ('auc', 'f1_mask', 'manipulated')
_REASONS = ('left_out', 'not_applicable', 'one_class')
_FASTEST = 1  # Of PNG: files are read once.


@dataclasses.dataclass(frozen=True)
class Item:
  """What is to be scored.

  Attributes:
    index: Of the image.
    record: The image.
    step: How it is degraded.
    names: Of the methods.
  """

  index: int
  record: spec.Record
  step: degrade.Step
  names: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class _Input:
  """A degraded image for methods.

  Attributes:
    record: The image, with the degraded file.
    image: Its pixels.
    truth: uint8[h, w], its degraded mask.
  """

  record: spec.Record
  image: images.Decoded
  truth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Begun:
  """What a worker did.

  Attributes:
    rows: By method.
    rest: The degraded image for methods that are left; None if there are none.
  """

  rows: dict[str, Row]
  rest: _Input | None = None


def begin(
    item: Item, *, dataset: str, folder: pathlib.Path, methods: Methods
) -> Begun:
  """Degrades an image and scores those methods that run in workers.

  Args:
    item: The image, the level and all methods.
    dataset: Key of `datasets.DATASETS`.
    folder: For the degraded file, which stays there if there is a rest.
    methods: Those of all methods that run in workers, by name.

  Returns:
    Rows with `auc`, `f1_mask` and `manipulated`; or with `left_out`, the
    reason. `not_applicable` and `one_class` are as of `scoring.Scored`.

  Raises:
    UserError: The disk is full.
  """
  try:
    image, degraded = _degrade(item, dataset)
  except Exception as error:
    reason = scoring.reason(error, item.record.image)
    return Begun({name: {'left_out': reason} for name in item.names})
  given = _write(item, image, degraded, folder)
  rows = {
      name: _score(item, given, methods[name])
      for name in item.names
      if name in methods
  }
  if len(rows) < len(item.names):
    return Begun(rows, given)
  _remove(item, given)
  return Begun(rows)


def finish(item: Item, begun: Begun, methods: Methods) -> dict[str, Row]:
  """Scores the methods that are left, and removes the degraded file.

  Args:
    item: As of `begin`.
    begun: What `begin` returned.
    methods: All methods, by name.

  Returns:
    The rows of all methods of the item.
  """
  if begun.rest is None:
    return begun.rows
  rest = {
      name: _score(item, begun.rest, methods[name])
      for name in item.names
      if name not in begun.rows
  }
  _remove(item, begun.rest)
  return begun.rows | rest


def _degrade(
    item: Item, dataset: str
) -> tuple[images.Decoded, degrade.Degraded]:
  """Reads an image and degrades it; returns it before and after.

  Raises:
    DataError: It cannot be read, or the degraded mask marks no pixel.
  """
  image, truth = scoring.read(item.record, dataset)
  assert truth is not None, 'Only images with a mask are scored.'
  series, level = item.step
  if series is None:
    return image, degrade.Degraded(image.pixels, truth)
  rng = patches.rng_for(SEED, item.record.image_id)
  degraded = degrade.SERIES[series].apply(image.pixels, truth, level, rng)
  if not degraded.mask.any():
    raise spec.DataError(
        f'Nothing is left of the mask {item.record.mask} at'
        f' {degrade.name_of(item.step)}.'
    )
  return image, degraded


def _write(
    item: Item,
    image: images.Decoded,
    degraded: degrade.Degraded,
    folder: pathlib.Path,
) -> _Input:
  """Writes what `_degrade` returned as a file, unless there is one."""
  if item.step[0] is None:
    return _Input(item.record, image, degraded.mask)
  number = f'{item.index}-{degrade.steps().index(item.step)}'
  if degraded.jpeg is None:
    path = folder / f'{number}.png'
    Image.fromarray(degraded.pixels).save(path, compress_level=_FASTEST)
  else:
    path = folder / f'{number}.jpg'
    path.write_bytes(degraded.jpeg)
  record = dataclasses.replace(item.record, image=path)
  return _Input(record, images.Decoded(degraded.pixels, ''), degraded.mask)


def _remove(item: Item, given: _Input) -> None:
  if given.record.image != item.record.image:
    given.record.image.unlink(missing_ok=True)


def _score(
    item: Item, given: _Input, method: localizer_lib.Localizer
) -> Row:
  scored = scoring.score_decoded(
      given.record, given.image, given.truth, method
  ).row
  row = {key: scored[key] for key in _MEASURES if key in scored}
  # The file has gone when somebody reads this.
  name = str(item.record.image)
  if item.step[0] is not None:
    name += f' ({degrade.name_of(item.step)})'
  for key in _REASONS:
    if key in scored:
      row[key] = scored[key].replace(str(given.record.image), name)
  return row
