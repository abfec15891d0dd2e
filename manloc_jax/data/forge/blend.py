"""Blends a layer into the host; no pixel outside the mask changes."""

import cv2
import numpy as np

BLENDS = ('hard', 'feather', 'poisson')
_PAD = 3  # Pixels around the mask that Poisson blending reads.


def blend(
    host: np.ndarray,
    layer: np.ndarray,
    mask: np.ndarray,
    kind: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, dict]:
  """Blends a layer into a host.

  Args:
    host: uint8[h, w, 3].
    layer: uint8[h, w, 3].
    mask: uint8[h, w], 1 = where the layer is used.
    kind: One of `BLENDS`.
    rng: Random generator of the feather's width.

  Returns:
    uint8[h, w, 3], equal to `host` where `mask` is 0, and the facts.
  """
  facts = {'blend': kind}
  if kind == 'poisson':
    return _poisson(host, layer, mask), facts
  if kind == 'feather':
    sigma = float(rng.uniform(0.5, 3))
    return _feather(host, layer, mask, sigma), {
        **facts, 'sigma': round(sigma, 3)
    }
  return np.where(mask[..., None] == 1, layer, host), facts


def _feather(
    host: np.ndarray, layer: np.ndarray, mask: np.ndarray, sigma: float
) -> np.ndarray:
  """Fades the layer in from the edge of the mask inwards."""
  reach = 2 * round(sigma) + 1
  kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
  inner = cv2.erode(mask, kernel)
  # A thin region would vanish.
  inner = inner if 2 * cv2.countNonZero(inner) > mask.sum() else mask
  left, top, width, height = cv2.boundingRect(mask)
  box = np.s_[top : top + height, left : left + width]
  result = host.copy()
  result[box] = fade(host[box], layer[box], inner[box], mask[box], sigma)
  return result


def fade(
    host: np.ndarray,
    layer: np.ndarray,
    inner: np.ndarray,
    mask: np.ndarray,
    sigma: float,
) -> np.ndarray:
  """Mixes a layer into a host with weights that fall off softly.

  Args:
    host: uint8[h, w, 3].
    layer: uint8[h, w, 3].
    inner: uint8[h, w], 1 where the layer counts most.
    mask: uint8[h, w], 1 where it may count at all.
    sigma: Standard deviation of the Gaussian that blurs `inner`, in pixels.

  Returns:
    uint8[h, w, 3], equal to `host` where `mask` is 0.
  """
  weight = cv2.GaussianBlur(inner.astype(np.float32), (0, 0), sigma) * mask
  weight = weight[..., None]
  return np.rint(weight * layer + (1 - weight) * host).astype(np.uint8)


def _poisson(
    host: np.ndarray, layer: np.ndarray, mask: np.ndarray
) -> np.ndarray:
  """Blends with the layer's gradients and the host's colours at the edge.

  Perez et al., Poisson Image Editing (SIGGRAPH 2003). OpenCV changes pixels
  around the mask too; those are put back.
  """
  left, top, width, height = cv2.boundingRect(mask)
  box = np.s_[top : top + height, left : left + width]
  sides = (_PAD,) * 4
  # OpenCV needs pixels beyond a mask that touches the frame.
  wide = [
      cv2.copyMakeBorder(image[box], *sides, cv2.BORDER_REPLICATE)
      for image in (host, layer)
  ]
  inside = cv2.copyMakeBorder(mask[box] * 255, *sides, cv2.BORDER_CONSTANT)
  centre = (_PAD + width // 2, _PAD + height // 2)
  cloned = cv2.seamlessClone(wide[1], wide[0], inside, centre, cv2.NORMAL_CLONE)
  result = host.copy()
  cloned = cloned[_PAD : _PAD + height, _PAD : _PAD + width]
  is_in = mask[box] == 1
  result[box][is_in] = cloned[is_in]
  return result
