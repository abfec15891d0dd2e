"""Measures the map of one image against its truth, for all protocols.

Pixels are counted by bins, four classes of them, and every measure without a
fixed threshold is a function of these counts. Where many pixels of both classes
share bins, the values themselves are counted instead, so that no area under a
curve is further from that of exact ranks than `MOST_TIED`.

The bins are those of `image_scores.bin_of`, except from 0.5 to 1, where they
are mirrored: as fine near 1 as near 0, since probabilities gather at both.

Nothing here imports JAX, so that worker processes start fast.
"""

from collections.abc import Mapping
import dataclasses

import cv2
import numpy as np

from manloc_jax.evaluation import image_scores

# Largest error of an area from pixels that share a bin.
MOST_TIED = 1e-4
# Sides of the squares that shrink the manipulated and the pristine area where
# `permuted` scores pixels, as TruFor published it.
ERODED, DILATED = 15, 11

_SIGN = np.uint32(2**31)
_CLASSES, _CLASS_BITS = np.uint32(3), np.uint32(2)
_COARSE_BITS = np.uint32(32 - image_scores.BINS.bit_length() + 1)
_ZERO, _HALF, _ONE = (
    int(x) for x in image_scores.bin_of(np.array([0.0, 0.5, 1.0]))
)
_ADDED = (_HALF - _ZERO) - (_ONE - _HALF) + 1  # Bins by mirroring.
BINS = image_scores.BINS + _ADDED
_NONE = float('nan')
_ALWAYS = (
    *('auc', 'average_precision', 'f1_best', 'iou_best'),
    *('f1_permuted_best', 'f1_permuted_all'),
)

Measures = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Counted:
  """The pixels of an image by class and value.

  Attributes:
    bins: i32[n], bins that hold pixels, rising, below `BINS`.
    counts: i64[2, n], pristine and manipulated pixels in these bins.
    measures: Of the image, by name; NaN where one is undefined.
  """

  bins: np.ndarray
  counts: np.ndarray
  measures: Measures


def measure(
    raw: np.ndarray, truth: np.ndarray, masks: Mapping[str, np.ndarray]
) -> Counted:
  """Measures a map.

  Args:
    raw: f32[h, w], finite, high where manipulated.
    truth: uint8[h, w], 1 = manipulated.
    masks: bool[h, w] by name, pixels that are marked at a fixed threshold.

  Returns:
    Counts for pooled scores, and measures: `auc`, `average_precision`,
    `f1_best`, `iou_best`, `f1_permuted_best`, `f1_permuted_all`, which is that
    of a constant map, and of each mask `f1_<name>`, `iou_<name>` and
    `f1_permuted_<name>`.
  """
  border = _border(truth)
  classes = truth | border << np.uint8(1)
  keys = _sorted_keys(raw, classes)
  values, fine = _count(keys, _CLASS_BITS)
  bins, counts = _binned(values << _CLASS_BITS, fine)
  if _tied(counts, counts) <= MOST_TIED:
    fine = counts
  elif _tied(fine[:, _have_neighbours(values)], counts) > MOST_TIED:
    exact = _ordered(raw).astype(np.uint64) << np.uint64(2) | classes
    fine = _count(np.sort(exact, axis=None), np.uint64(2))[1]
  measures = _of_counts(fine)
  for name, mask in masks.items():
    f1, iou, permuted = _of_mask(mask, truth, border, counts)
    measures |= {
        f'f1_{name}': f1,
        f'iou_{name}': iou,
        f'f1_permuted_{name}': permuted,
    }
  both = counts[:2] + counts[2:]
  return Counted(bins, both, measures)


def measure_copy(
    raw: np.ndarray,
    truth: np.ndarray,
    source: np.ndarray,
    marked: np.ndarray | None,
) -> Measures:
  """Measures where a copy came from and where it went apart.

  Args:
    raw: f32[h, w].
    truth: uint8[h, w], 1 where the copy went: the target.
    source: uint8[h, w], 1 where it came from; pixels of both are the target's.
    marked: bool[h, w], the mask of the method; None if it gives none.

  Returns:
    Areas of target and of source against the rest of the image, and of the
    target against the source, with a mask also the recall of both.
  """
  target, source = truth == 1, (source == 1) & (truth == 0)
  rest = ~(target | source)
  measures = {
      'auc_target': _auc_between(raw[rest], raw[target]),
      'auc_source': _auc_between(raw[rest], raw[source]),
      'auc_target_over_source': _auc_between(raw[source], raw[target]),
  }
  if marked is not None:
    measures['recall_target'] = _ratio(marked[target].sum(), target.sum())
    measures['recall_source'] = _ratio(marked[source].sum(), source.sum())
  return measures


def _auc_between(negatives: np.ndarray, positives: np.ndarray) -> float:
  values = np.concatenate([negatives, positives])
  truth = np.repeat([0, 1], [negatives.size, positives.size])
  return image_scores.exact_auc(values, truth)


def _sorted_keys(raw: np.ndarray, classes: np.ndarray) -> np.ndarray:
  """Returns u32[h * w], rising: the values, with the class in the last bits.

  Args:
    raw: f32[h, w]; what differs in the last two of 24 bits alone is tied.
    classes: uint8[h, w], 0 to 3.
  """
  key = _ordered(raw)
  key &= ~_CLASSES
  key |= classes
  key = key.ravel()
  key.sort()
  return key


def _ordered(raw: np.ndarray) -> np.ndarray:
  """Returns u32[h, w] in the order of the values."""
  bits = (raw + np.float32(0)).view(np.uint32)  # Both zeros are one.
  if raw.min() >= 0:
    bits |= _SIGN
    return bits
  return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _binned(
    ordered: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Adds up the counts of values that share a bin.

  Args:
    ordered: u32[n], as of `_ordered`, rising.
    counts: i64[4, n].

  Returns:
    The bins, i32[m], rising, and i64[4, m].
  """
  bins = (ordered >> _COARSE_BITS).astype(np.int32)
  value = np.where(ordered & _SIGN, ordered ^ _SIGN, ~ordered).view(np.float32)
  bins[value > 1] += _ADDED
  upper = (value > 0.5) & (value <= 1)
  bins[upper] = 2 * _HALF - image_scores.bin_of(1 - value[upper])
  starts = np.flatnonzero(np.append(True, bins[1:] != bins[:-1]))
  return bins[starts], np.add.reduceat(counts, starts, axis=1)


def _have_neighbours(values: np.ndarray) -> np.ndarray:
  """Returns bool[n], where values are as near as `_sorted_keys` tells them.

  What lies alone is one value, as in maps of few values; what lies side by side
  may be many.
  """
  is_next = np.diff(values) == 1
  return np.append(is_next, False) | np.append(False, is_next)


def _border(truth: np.ndarray) -> np.ndarray:
  """Returns uint8[h, w], 1 where `permuted` scores no pixel."""
  # Beyond the image the nearest pixels go on, as SciPy's filters have it.
  square = lambda side: np.ones((side, side), np.uint8)
  inner = cv2.erode(truth, square(ERODED), borderType=cv2.BORDER_REPLICATE)
  outer = cv2.dilate(truth, square(DILATED), borderType=cv2.BORDER_REPLICATE)
  return np.bitwise_xor(outer, inner, dtype=np.uint8)


def _count(
    keys: np.ndarray, shift: np.uint32 | np.uint64
) -> tuple[np.ndarray, np.ndarray]:
  """Counts pixels by class and value.

  Args:
    keys: Rising, with the class in the last two bits.
    shift: Bits that are left out of the values, of the type of the keys.

  Returns:
    The values that occur, [n], and i64[4, n] by class.
  """
  ends = np.flatnonzero(keys[1:] != keys[:-1])
  ends = np.append(ends, keys.size - 1)  # Of runs of one value and class.
  values = keys[ends] >> shift
  is_new = np.append(True, values[1:] != values[:-1])
  index = np.cumsum(is_new) - 1
  counts = np.bincount(
      (keys[ends] & _CLASSES).astype(np.int64) * (index[-1] + 1) + index,
      np.diff(ends, prepend=-1),
      4 * int(index[-1] + 1),
  )
  return values[is_new], counts.astype(np.int64).reshape(4, -1)


def _tied(counts: np.ndarray, of: np.ndarray) -> float:
  """Returns the largest error of an area from ties.

  Args:
    counts: [4, n], whose pixels of one column are tied.
    of: [4, n], of all pixels.
  """
  negatives, positives = (counts[:2] + counts[2:]).astype(np.float64)
  total = of.sum(axis=1, dtype=np.float64)
  pairs = (total[0] + total[2]) * (total[1] + total[3])
  return float((negatives * positives).sum() / 2 / pairs) if pairs else 0.0


def _of_counts(counts: np.ndarray) -> Measures:
  """Returns the measures that need no fixed threshold, of [4, n] counts."""
  both = counts[:2] + counts[2:]
  # From each value on; the last entry is above all of them.
  fp, tp = _from_each_value_on(both)
  negatives, positives = fp[0], tp[0]
  f1 = _f1(tp, fp, positives)
  measures = dict.fromkeys(_ALWAYS, _NONE)
  if positives:
    best = float(f1.max())
    measures['f1_best'], measures['iou_best'] = best, best / (2 - best)
    inner_fp, inner_tp = _from_each_value_on(counts[:2])
    upright = _f1(inner_tp, inner_fp, inner_tp[0])
    turned = _f1(inner_tp[0] - inner_tp, inner_fp[0] - inner_fp, inner_tp[0])
    measures['f1_permuted_best'] = float(max(upright.max(), turned.max()))
    measures['f1_permuted_all'] = float(upright[0])
  if positives and negatives:
    measures['auc'] = float(np.trapezoid(tp[::-1], fp[::-1])) / (
        positives * negatives
    )
    precision = tp[:-1] / np.maximum(tp[:-1] + fp[:-1], 1)
    measures['average_precision'] = float(
        (both[1] * precision).sum() / positives
    )
  return measures


def _from_each_value_on(counts: np.ndarray) -> np.ndarray:
  """Returns f64[2, n + 1], how many pixels have each value or a higher one."""
  falling = np.cumsum(counts[:, ::-1], axis=1, dtype=np.float64)[:, ::-1]
  return np.concatenate([falling, np.zeros((2, 1))], axis=1)


def _f1(tp, fp, positives):
  return 2 * tp / np.maximum(tp + fp + positives, 1)


def _of_mask(
    mask: np.ndarray, truth: np.ndarray, border: np.ndarray, counts: np.ndarray
) -> tuple[float, float, float]:
  """Returns F1, IoU and the permuted F1 of a mask.

  Args:
    mask: bool[h, w].
    truth: uint8[h, w].
    border: uint8[h, w], of `_border`.
    counts: i64[4, n], of `_count`.
  """
  total = counts.sum(axis=1)
  positives = total[1] + total[3]
  if not positives:
    return _NONE, _NONE, _NONE
  hit = mask & truth.view(bool)
  inner = mask & ~border.view(bool)
  tp, inner_tp = np.count_nonzero(hit), np.count_nonzero(hit & inner)
  fp = np.count_nonzero(mask) - tp
  inner_fp = np.count_nonzero(inner) - inner_tp
  f1 = float(_f1(tp, fp, positives))
  upright = _f1(inner_tp, inner_fp, total[1])
  turned = _f1(total[1] - inner_tp, total[0] - inner_fp, total[1])
  return f1, f1 / (2 - f1), float(max(upright, turned))


def _ratio(part: float, whole: float) -> float:
  return float(part / whole) if whole else _NONE
