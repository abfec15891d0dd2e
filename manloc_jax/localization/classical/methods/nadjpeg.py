"""Double compression on another grid, which a pasted region brings (NADQ).

Bianchi, Piva: Image forgery localization via block-grained analysis of JPEG
artifacts (2012).
"""

import itertools

import cv2
import numpy as np
from scipy import fft
from scipy import ndimage

from manloc_jax.localization.classical import compiled
from manloc_jax.localization.classical import flat
from manloc_jax.localization.classical import interface
from manloc_jax.localization.classical import jpeg
from manloc_jax.localization.classical import luma as luma_lib

_FREQUENCIES = 6
_ZERO = 2**11  # Bin of the coefficient 0.
_BINS = 2**12
_DUST = 1e6  # Coefficients are rounded to parts of this many.
_REACH = 6  # Standard deviations that the noise's kernel spans.
_INITIAL_FRACTION = 0.05  # Of twice compressed blocks, where the fit begins.
_MIN_RISE = 5  # Of the log-likelihood; the fit stops below it.
_MAX_ROUNDS = 20
# Luma table of the JPEG standard, at quality 50: its first frequencies.
_STANDARD = (16, 11, 12, 14, 12, 10)


def score(image: jpeg.Jpeg) -> np.ndarray:
  """Scores blocks by how well a compression on a moved grid explains them.

  The grid is chosen among all 63 by the fit to its DC coefficients. In tests
  with pasted photographs the choice is right where the region is a quarter of
  the image or more and its compression the coarser one; else the map means
  nothing.

  Against the toolbox's map of a test image, structural similarity is 0.999 and
  not 1: the mean rounding error moves the histograms of DC there less far.

  Args:
    image: A JPEG image.

  Returns:
    float64[rows, columns], log-likelihood ratio summed over the 3x3
    blocks around; high where an earlier compression lay on the moved grid, and
    0 where no block is counted.
  """
  counted = image.counted
  if not counted.any():
    return np.zeros(counted.shape)
  luma = image.luma
  if not counted.all():  # What is not counted is 0, as outside the image.
    luma = np.where(flat.enlarged(counted, luma.shape), luma, 0)
  error = image.rounding_error
  sums = cv2.boxFilter(
      luma,
      -1,
      (8, 8),
      anchor=(0, 0),
      normalize=False,
      borderType=cv2.BORDER_CONSTANT,
  )
  fits = {}
  for down, right in itertools.product(range(8), range(8)):
    if down or right:
      fits[down, right] = _fit(
          _sample(sums, down, right) / 8,
          _sample(sums, _beside(down), _beside(right)) / 8,
          0,
          image.quantization,
          error,
          counted,
      )
  down, right = max(fits, key=lambda shift: fits[shift][0])
  ratio = fits[down, right][1][_bins(_sample(sums, down, right) / 8)]
  for i in range(1, _FREQUENCIES):
    values = _coefficients(luma, down, right, i)
    _, ratios = _fit(
        values,
        _coefficients(luma, _beside(down), _beside(right), i),
        i,
        image.quantization,
        error,
        counted,
    )
    ratio = ratio + ratios[_bins(values)]
  # Blocks of the moved grid to those of the image that they cover most of.
  late = ((int(down > 4), 0), (int(right > 4), 0))
  rows, columns = ratio.shape
  ratio = np.pad(flat.filled(ratio, counted), late, 'edge')[:rows, :columns]
  ratio = flat.filled(ratio, counted)
  ratio = ndimage.convolve(ratio, np.ones((3, 3)), mode='nearest')
  return np.where(counted, ratio, 0)


def _sample(plane: np.ndarray, down: int, right: int) -> np.ndarray:
  """Returns every eighth pixel, [rows, columns]."""
  return plane[down::8, right::8]


def _beside(offset: int) -> int:
  """Returns the offset of a nearby grid, which shows no quantization."""
  return offset + 1 if offset < 4 else offset - 1


def _coefficients(
    luma: np.ndarray, down: int, right: int, frequency: int
) -> np.ndarray:
  """Returns one DCT coefficient of all blocks of a moved grid."""
  basis = np.zeros((8, 8))
  basis[jpeg.ZIGZAG[frequency]] = 1
  basis = fft.idctn(basis, norm='ortho')
  strips = []
  for lines in luma_lib.strips(len(luma)):
    moved = luma[lines.start + down : lines.stop + down, right:]
    missing = (lines.stop - lines.start - len(moved), right)
    padded = np.pad(moved, [(0, count) for count in missing])
    strips.append(np.einsum('rcij,ij->rc', jpeg.split(padded), basis))
  return np.concatenate(strips)


def _bins(values: np.ndarray) -> np.ndarray:
  """Returns the bin of every coefficient, int64[...] of float64[...]."""
  return _find_bins(values.ravel()).reshape(values.shape)


@compiled.compiled
def _find_bins(values):
  """Returns the bin of every value, int64[n]."""
  bins = np.empty(len(values), np.int64)
  for i in range(len(values)):
    # Sums of whole numbers carry dust that would decide on ties.
    nearest = np.rint(np.rint(values[i] * _DUST) / _DUST)
    bins[i] = int(min(max(nearest + _ZERO, 0), _BINS - 1))
  return bins


def _histogram(values: np.ndarray) -> np.ndarray:
  return np.bincount(_bins(values).ravel(), minlength=_BINS)


def _fit(
    values: np.ndarray,
    reference: np.ndarray,
    frequency: int,
    quantization: np.ndarray,
    error: np.ndarray,
    counted: np.ndarray,
) -> tuple[float, np.ndarray]:
  """Fits step and fraction of an earlier compression by maximum likelihood.

  Args:
    values: Coefficients on the grid, float64[rows, columns].
    reference: Coefficients as if not compressed before.
    frequency: Their index in zig-zag order.
    quantization: The file's quantization table.
    error: Rounding errors of low frequencies, float64[n, rows, columns].
    counted: Blocks that are counted, bool[rows, columns].

  Returns:
    The log-likelihood of the best fit, and of every bin the log-likelihood
    ratio of the hypotheses twice and once compressed, float64[4096].
  """
  row, column = jpeg.ZIGZAG[frequency]
  step = int(quantization[row, column])
  noise = flat.pick(error[frequency], counted)
  reference = flat.pick(reference, counted)
  once = _histogram(reference) + 1
  twice = _twice(
      reference,
      range(
          max(2, int(step / 3**0.5)), max(_STANDARD[frequency], step, 2) + 1
      ),
      # What the earlier decoder rounded moves values the other way.
      -noise.mean() if frequency == 0 else 0.0,
      (step**2 / 12 + noise.var()) ** 0.5,
  )
  once = once / once.sum()
  twice = twice / twice.sum(1, keepdims=True)
  likelihood, best = _expectation_maximization(
      _histogram(flat.pick(values, counted)), once, twice
  )
  return likelihood, np.log(twice[best] / once)


def _twice(
    reference: np.ndarray, first_steps: range, bias: float, std: float
) -> np.ndarray:
  """Simulates an earlier compression of `reference` with each first step.

  Args:
    reference: Coefficients as if not compressed before, float64[...].
    first_steps: The quantization steps to try.
    bias: Mean of the noise between the compressions.
    std: Its standard deviation.

  Returns:
    Histograms, float64[first steps, 4096], plus 1 so that no value is
    impossible.
  """
  # Broken files may have errors without bounds.
  reach = int(min(np.ceil(_REACH * std + abs(bias)), _BINS))
  kernel = np.exp(
      -0.5 * ((np.arange(-reach, reach + 1) - bias) / std) ** 2
  )
  kernel /= kernel.sum()
  values = np.round(reference, 6).ravel()
  return _quantized(values, first_steps.start, first_steps.stop, kernel)


@compiled.compiled
def _quantized(values, first, last, kernel):
  """Quantizes values with each step; returns smoothed histograms, plus 1."""
  reach = len(kernel) // 2
  histograms = np.ones((last - first, _BINS))
  counts = np.empty(_BINS)
  bins = np.empty(len(values), np.int32)
  for row in range(last - first):
    step = np.float64(first + row)
    for i in range(len(values)):  # Several values at once, without counting.
      nearest = np.rint(values[i] / step) * step + _ZERO
      bins[i] = np.int32(min(max(nearest, 0.0), _BINS - 1.0))
    counts[:] = 0
    for one in bins:
      counts[one] += 1
    for i in range(_BINS):  # Most bins are empty.
      if counts[i]:
        for j in range(max(i - reach, 0), min(i + reach + 1, _BINS)):
          histograms[row, j] += counts[i] * kernel[j - i + reach]
  return histograms


def _expectation_maximization(
    counts: np.ndarray, once: np.ndarray, twice: np.ndarray
) -> tuple[float, int]:
  """Fits the fraction of twice compressed blocks for each first step.

  Args:
    counts: Histogram of the coefficients, int[4096].
    once: Their distribution after one compression, float64[4096].
    twice: Those after two, float64[first steps, 4096].

  Returns:
    The highest log-likelihood and the index of its first step.
  """
  occurs = counts > 0
  counts, once, twice = counts[occurs], once[occurs], twice[:, occurs]
  fraction = np.full((len(twice), 1), _INITIAL_FRACTION)
  highest = -np.inf
  for _ in range(_MAX_ROUNDS):
    mixture = fraction * twice + (1 - fraction) * once
    likelihood = np.log(mixture) @ counts
    rise = likelihood.max() - highest
    highest = likelihood.max()
    if rise < _MIN_RISE:
      break
    fraction = (fraction * twice / mixture) @ counts[:, None] / counts.sum()
  return float(highest), int(likelihood.argmax())


METHOD = interface.Method(
    score,
    needs='jpeg',
    block=8,
    is_probability=False,
    constant_score=0.0,
    min_side=64,
    max_megapixels=50,
)
