"""Localizes in images of any size with a trained fusion.

Features of a large image are measured and normalized tile by tile, so that
memory is bounded.
"""

from collections.abc import Sequence
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
from manloc_jax.localization.fusion import calibration
from manloc_jax.localization.fusion import copies as copies_lib
from manloc_jax.localization.fusion import features
from manloc_jax.localization.fusion import network
from manloc_jax.localization.fusion import tiles
from manloc_jax.localization.fusion import weights as weights_lib
from manloc_jax.training import sharding

MIN_SIDE = 64  # Pixels; below, an image has too few blocks to compare them.
_MIN_BLOCKS = (MIN_SIDE // features.BLOCK) ** 2  # Not in areas of one colour.
_CARD = 'MODEL_CARD.md'  # In the folder of the weights.


@dataclasses.dataclass(frozen=True)
class _Scored:
  """What the fusion says of an image, or of the picture between bars in it.

  Attributes:
    scores: f32[rows, columns], of pixels or of blocks.
    pairs: Regions that occur twice.
    features: f32[rows, columns, n] of blocks, those that were asked for.
  """

  scores: np.ndarray
  pairs: list[patchmatch.Pair]
  features: np.ndarray


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
      threshold: Of every mask; by default that of the rule with the best F1
        over the validation split of the training set, which may depend on the
        largest score of a map.
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
    self.names = weights.names  # Of the features that it reads.
    self._params = jax.device_put(weights.params, self._device)
    self._scores = network.make_scores(weights.model)
    self._is_compiled = False
    self._mask = weights.mask
    if threshold is not None:
      smallest = weights.mask.smallest_region
      self._mask = calibration.MaskRule(threshold, smallest_region=smallest)
    self.threshold = self._mask.least
    self.packages = {'jax': jax.__version__}
    self.provenance = {
        'method': 'fusion',
        'threshold': self._mask.least,
        'threshold_of_largest': self._mask.of_largest,
        localizer.SMALLEST_REGION: self._mask.smallest_region,
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
    return self.localize_and_measure(path, image, ())[0]

  def localize_and_measure(
      self, path: pathlib.Path, image: images.Decoded, names: Sequence[str]
  ) -> tuple[localizer.Result, np.ndarray]:
    """Localizes, and returns features as well, which are most of the work.

    Args:
      path: The file.
      image: Its pixels.
      names: The features, of those that the weights were trained on.

    Returns:
      The result, and f32[ceil(h / 8), ceil(w / 8), len(names)], NaN where
      nothing was measured: in areas of one colour, and beside a picture between
      bars. In a file that is not JPEG such a picture may begin within a block;
      its features are then moved by less than a block.

    Raises:
      NotApplicable: The image is too small.
      UserError: The outputs are not finite.
    """
    _check_size(str(path), image.pixels)
    kept = [self.names.index(name) for name in names]
    scored = self._score(image.pixels, quantization_lib.read(path), kept)
    return self._result(image.pixels, scored), scored.features

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
    return self._result(pixels, self._score(pixels, quantization))

  def _result(self, pixels: np.ndarray, scored: _Scored) -> localizer.Result:
    """Returns map, mask and regions of an image that was scored."""
    score = scored.scores
    localizer.check_finite(score)
    counts = flat.counted(pixels)
    threshold = self._mask.threshold(score.max())
    copies = copies_lib.describe(scored.pairs, score, threshold)
    facts = {**_facts(counts), localizer.COPIES: copies}
    probability = None
    if self._weights.image and np.count_nonzero(counts) >= _MIN_BLOCKS:
      probability = self._weights.image.probability(_middles(score), counts)
      facts[localizer.IS_FORGERY_PROBABILITY] = True
    result = localizer.summarize(
        *(score, score, threshold, probability),
        smallest_region=self._mask.smallest_region,
    )
    return dataclasses.replace(result, facts=facts)

  def score_map(
      self, pixels: np.ndarray, quantization: np.ndarray | None = None
  ) -> np.ndarray:
    """Returns the scores alone, f32[h, w]; see `__call__`.

    They are 0 in areas of one colour, which carry no trace.
    """
    return self._score(pixels, quantization).scores

  def _score(
      self,
      pixels: np.ndarray,
      quantization: np.ndarray | None,
      kept: Sequence[int] = (),
  ) -> _Scored:
    """Scores the pixels of an image; `kept` are the features to return."""
    localizer.check_pixels(pixels)
    _check_size('The image', pixels)
    counts = flat.counted(pixels)
    score_map = np.zeros(pixels.shape[:2], np.float32)
    measured = np.full((*counts.shape, len(kept)), np.nan, np.float32)
    if np.count_nonzero(counts) < _MIN_BLOCKS:
      return _Scored(score_map, [], measured)
    is_jpeg = quantization is not None
    sides = scored = flat.picture(pixels, counts, is_jpeg)
    if is_jpeg:
      height, width = pixels.shape[:2]
      scored = (
          flat.whole_blocks(sides[0], height),
          flat.whole_blocks(sides[1], width),
      )
    picture = self._score_picture(pixels[scored], quantization, kept)
    edges = [
        (inner.start - outer.start, outer.stop - inner.stop)
        for inner, outer in zip(scored, sides, strict=True)
    ]
    scores = picture.scores
    if np.any(edges):
      scores = np.pad(scores, edges, 'edge')
    if scores.shape == score_map.shape:
      score_map = np.ascontiguousarray(scores)  # No second map, if it can be.
    else:
      score_map[sides] = scores
    corner = [side.start for side in scored]
    top, left = (start // features.BLOCK for start in corner)
    part = measured[top:, left:]
    rows, columns = np.minimum(part.shape[:2], picture.features.shape[:2])
    part[:rows, :columns] = picture.features[:rows, :columns]
    measured[~counts] = np.nan
    pairs = [pair.moved(corner) for pair in picture.pairs]
    return _Scored(score_map, pairs, measured)

  def _score_picture(
      self,
      pixels: np.ndarray,
      quantization: np.ndarray | None,
      kept: Sequence[int],
  ) -> _Scored:
    """Returns the same of a picture without bars around it."""
    scored = self._score_blocks(pixels, quantization, kept)
    # Interpolation treats areas of one colour like the border of the picture.
    counts = flat.counted(pixels)
    enlarged = _enlarge(flat.filled(scored.scores, counts), pixels.shape[:2])
    if not counts.all():
      enlarged[~flat.enlarged(counts, enlarged.shape)] = 0
    return dataclasses.replace(scored, scores=enlarged)

  def _score_blocks(
      self,
      pixels: np.ndarray,
      quantization: np.ndarray | None,
      kept: Sequence[int],
  ) -> _Scored:
    """Returns the same, but scores of blocks, f32[ceil(h / 8), ceil(w / 8)]."""
    blocks = [-(-side // features.BLOCK) for side in pixels.shape[:2]]
    scores = np.empty(blocks, np.float32)
    returned = np.empty((*blocks, len(kept)), np.float32)
    # Copies are searched for beside the first tile: half the time on two cores.
    with futures.ThreadPoolExecutor(2) as pool:
      search = pool.submit(copies_lib.find, pixels)
      if not self._is_compiled:
        pool.submit(self._compile)
      for tile in tiles.cut(*blocks):
        rows, columns = map(flat.pixels_of, tile.outer)
        measured = features.measure(
            pixels[rows, columns], quantization, None, self.names
        )
        copies = search.result().fractions[tile.outer]
        features.add_copies(measured, copies)
        scores[tile.inner] = self.fuse(measured)[tile.within]
        returned[tile.inner] = measured[tile.within][..., list(kept)]
      return _Scored(scores, search.result().pairs, returned)

  def _compile(self) -> None:
    """Compiles the program, by the scores of one block."""
    self.fuse(np.zeros((1, 1, len(self.names)), np.float32))
    self._is_compiled = True

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


def _enlarge(scores: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Interpolates between the middles of blocks, f32[shape]."""
  size = tuple(side * features.BLOCK for side in scores.shape[::-1])
  enlarged = cv2.resize(scores, size, interpolation=cv2.INTER_LINEAR)
  return enlarged[: shape[0], : shape[1]]
