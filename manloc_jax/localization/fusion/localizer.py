"""Localizes in images of any size with a trained fusion.

Features of an image of more than `_TILE_PIXELS` are measured and normalized
tile by tile, so that memory is bounded.
"""

from collections.abc import Iterator
from concurrent import futures
import dataclasses
import pathlib
from typing import Any

import cv2
import jax
import numpy as np

from manloc_jax import provenance
from manloc_jax.data import images
from manloc_jax.data.decoding import quantization as quantization_lib
from manloc_jax.localization import localizer
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical.methods import patchmatch
from manloc_jax.localization.fusion import copies as copies_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.training import sharding

MIN_SIDE = 64  # Pixels; below, an image has too few blocks to compare them.
_MIN_BLOCKS = (MIN_SIDE // features.BLOCK) ** 2  # Not in areas of one colour.
# Of a tile, without the margin. Error level analysis saves as JPEG, whose sides
# have at most 65,500 pixels.
_TILE_PIXELS, _TILE_SIDE = 16_777_216, 32_768
_MARGIN = 16  # Blocks that neighbouring tiles share on each side.
_CARD = 'MODEL_CARD.md'  # In the folder of the weights.


class FusionLocalizer:
  """Localizes with a trained fusion; see `localizer.Localizer`."""

  is_probability = True
  constant_score = 0.5
  runs_in_workers = False

  def __init__(
      self,
      path: pathlib.Path,
      *,
      threshold: float | None = None,
      device: str | None = None,
  ):
    """Loads weights; the first image compiles the program.

    Args:
      path: File of `weights.save`.
      threshold: Of the mask; by default the one with the best F1 over the
        validation split of the training set.
      device: Kind of device, such as `cpu` or `gpu`; the best one by default.

    Raises:
      UserError: The file holds no weights of a fusion, the threshold is not
        in 0 to 1, or there is no such device.
    """
    if threshold is not None:
      localizer.check_threshold(threshold)
    weights = weights_lib.load(path)
    self._device = sharding.local_devices(device)[0]
    self.device = self._device.device_kind
    self._weights = weights
    self._params = jax.device_put(weights.params, self._device)
    self._scores = network.make_scores(weights.model)
    self.threshold = weights.threshold if threshold is None else threshold
    self.packages = {'jax': jax.__version__}
    self.provenance = {
        'method': 'fusion',
        'threshold': self.threshold,
        'weights_sha256': provenance.sha256_of_file(path),
        'training': _training(weights.provenance),
        'version': provenance.VERSION,
    }
    card = pathlib.Path(path).with_name(_CARD)
    if card.is_file():
      self.provenance['model_card_sha256'] = provenance.sha256_of_file(card)

  def raw_map(self, path: pathlib.Path, image: images.Decoded) -> np.ndarray:
    """Returns the score of every pixel from 0 to 1, f32[h, w]."""
    _check_size(str(path), image.pixels)
    return self.score_map(image.pixels, quantization_lib.read(path))

  def localize(
      self, path: pathlib.Path, image: images.Decoded
  ) -> localizer.Result:
    """Returns map, mask and regions of a file."""
    _check_size(str(path), image.pixels)
    return self(image.pixels, quantization_lib.read(path))

  def __call__(
      self, pixels: np.ndarray, quantization: np.ndarray | None = None
  ) -> localizer.Result:
    """Localizes what is manipulated.

    Args:
      pixels: RGB, uint8[h, w, 3], of at least `MIN_SIDE` in both directions.
      quantization: Quantization table of luma, int[8, 8], if the pixels come
        from a JPEG file: many features depend on it. See
        `quantization.read`.

    Raises:
      NotApplicable: The image is smaller.
      UserError: The outputs are not finite.
      ValueError: `pixels` is something else.
    """
    score, pairs = self._score(pixels, quantization)
    localizer.check_finite(score)
    counts = flat.counted(pixels)
    facts = {
        **_facts(counts),
        localizer.COPIES: copies_lib.describe(pairs, score, self.threshold),
    }
    result = dataclasses.replace(
        localizer.summarize(score, score, self.threshold), facts=facts
    )
    if self._weights.image is None or np.count_nonzero(counts) < _MIN_BLOCKS:
      return result
    probability = self._weights.image.probability(_middles(score), counts)
    facts = {**result.facts, localizer.IS_FORGERY_PROBABILITY: True}
    return dataclasses.replace(result, image_score=probability, facts=facts)

  def score_map(
      self, pixels: np.ndarray, quantization: np.ndarray | None = None
  ) -> np.ndarray:
    """Returns the scores alone, f32[h, w]; see `__call__`.

    They are 0 in areas of one colour, which carry no trace.
    """
    return self._score(pixels, quantization)[0]

  def _score(
      self, pixels: np.ndarray, quantization: np.ndarray | None
  ) -> tuple[np.ndarray, list[patchmatch.Pair]]:
    """Returns what `score_map` does, and the regions that occur twice."""
    localizer.check_pixels(pixels)
    _check_size('The image', pixels)
    counts = flat.counted(pixels)
    if np.count_nonzero(counts) < _MIN_BLOCKS:
      return np.zeros(pixels.shape[:2], np.float32), []
    score_map = np.zeros(pixels.shape[:2], np.float32)
    is_jpeg = quantization is not None
    sides = measured = flat.picture(pixels, counts, is_jpeg)
    if is_jpeg:
      height, width = pixels.shape[:2]
      measured = (
          flat.whole_blocks(sides[0], height),
          flat.whole_blocks(sides[1], width),
      )
    picture, pairs = self._score_picture(pixels[measured], quantization)
    score_map[sides] = np.pad(
        picture,
        [
            (inner.start - outer.start, outer.stop - inner.stop)
            for inner, outer in zip(measured, sides, strict=True)
        ],
        'edge',
    )
    corner = [side.start for side in measured]
    return score_map, [pair.moved(corner) for pair in pairs]

  def _score_picture(
      self, pixels: np.ndarray, quantization: np.ndarray | None
  ) -> tuple[np.ndarray, list[patchmatch.Pair]]:
    """Returns the same of a picture without bars around it."""
    scores, pairs = self._score_blocks(pixels, quantization)
    # Interpolation treats areas of one colour like the border of the picture.
    counts = flat.counted(pixels)
    enlarged = _enlarge(flat.filled(scores, counts), pixels.shape[:2])
    if not counts.all():
      enlarged[~flat.enlarged(counts, enlarged.shape)] = 0
    return enlarged, pairs

  def _score_blocks(
      self, pixels: np.ndarray, quantization: np.ndarray | None
  ) -> tuple[np.ndarray, list[patchmatch.Pair]]:
    """Returns the same, but scores of blocks, f32[ceil(h / 8), ceil(w / 8)]."""
    blocks = [-(-side // features.BLOCK) for side in pixels.shape[:2]]
    scores = np.empty(blocks, np.float32)
    # Copies are searched for beside the first tile: half the time on two cores.
    with futures.ThreadPoolExecutor(1) as pool:
      search = pool.submit(copies_lib.find, pixels)
      down, across = _cuts(*blocks)
      for rows, outer_rows in _tiles(blocks[0], down):
        for columns, outer_columns in _tiles(blocks[1], across):
          measured = features.measure(
              pixels[flat.pixels_of(outer_rows), flat.pixels_of(outer_columns)],
              quantization,
              None,
          )
          copies = search.result().fractions[outer_rows, outer_columns]
          features.add_copies(measured, copies)
          scores[rows, columns] = self.fuse(measured)[
              _within(rows, outer_rows), _within(columns, outer_columns)
          ]
      return scores, search.result().pairs

  def fuse(self, measured: np.ndarray) -> np.ndarray:
    """Returns the score of every block, f32[rows, columns].

    Args:
      measured: Of `features.measure`, with copies.
    """
    weights = self._weights
    normalized = network.normalize(measured, weights.mean, weights.std)
    return self._scores(self._params, *normalized)


def _middles(score: np.ndarray) -> np.ndarray:
  """Returns the score in the middle of every block, those cut off included."""
  step = features.BLOCK
  rows, columns = (
      np.minimum(np.arange(step // 2, side + step // 2, step), side - 1)
      for side in score.shape
  )
  return score[np.ix_(rows, columns)]


def _facts(counts: np.ndarray) -> dict[str, Any]:
  """Returns the facts about areas of one colour for `Result.facts`."""
  if counts.all():
    return {}
  facts: dict[str, Any] = {'flat_share': float(1 - counts.mean())}
  count = np.count_nonzero(counts)
  if count < _MIN_BLOCKS:
    facts[localizer.NOT_MEASURED] = (
        f'Only {count} of {counts.size} blocks vary; below {_MIN_BLOCKS}'
        ' nothing can be compared, so that all scores are 0.'
    )
  return facts


def _check_size(subject: str, pixels: np.ndarray) -> None:
  localizer.check_size(subject, pixels.shape, MIN_SIDE, 'the fusion')


def _training(weights: dict[str, Any]) -> dict[str, Any]:
  """Returns the set, split, seed and step that made the weights."""
  config = weights.get('config', {})
  return {
      'data': config.get('data', {}).get('name'),
      'split_digest': weights.get('split_digest'),
      'seed': config.get('seed'),
      'step': weights.get('step'),
  }


def _cuts(rows: int, columns: int) -> tuple[int, int]:
  """Returns the numbers of tiles along both sides; none is too large."""
  down = across = 1
  most = _TILE_PIXELS // features.BLOCK**2
  longest = _TILE_SIDE // features.BLOCK
  while (
      -(-rows // down) * -(-columns // across) > most
      or max(-(-rows // down), -(-columns // across)) > longest
  ):
    if rows / down > columns / across:
      down += 1
    else:
      across += 1
  return down, across


def _tiles(length: int, count: int) -> Iterator[tuple[slice, slice]]:
  """Cuts a length evenly; yields each tile without and with its margin."""
  edges = [length * i // count for i in range(count + 1)]
  for low, high in zip(edges, edges[1:], strict=False):
    outer = slice(max(low - _MARGIN, 0), min(high + _MARGIN, length))
    yield slice(low, high), outer


def _within(inner: slice, outer: slice) -> slice:
  return slice(inner.start - outer.start, inner.stop - outer.start)


def _enlarge(scores: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Interpolates between the middles of blocks, f32[shape]."""
  size = tuple(side * features.BLOCK for side in scores.shape[::-1])
  enlarged = cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR)
  return enlarged[: shape[0], : shape[1]]
