"""Makes forgeries with strong traces, which the demo trains on.

A forgery is made in these steps: the camera adds grain to the host and saves it
as JPEG; a piece is cut from the host or from another photograph, or a hole is
filled from its surroundings; the piece is pasted and everything is saved once
more. Masks hold 1 = manipulated, where the paste may have changed a pixel.

The traces are strong on purpose, so that a small network learns them within
minutes. The host has strong grain (a standard deviation of `GRAIN` grey levels,
a high film speed), and each piece lacks it: an inpainting, a blur, a median, an
enlargement or a harsh JPEG compression on another grid removed it, and donors
have none. A skilled forger would add grain again. Scores on these forgeries
show that a network detects missing grain, and nothing about other forgeries.
"""

import dataclasses

import cv2
import numpy as np

from manloc_jax.data.forge import blend
from manloc_jax.data.forge import masks

MANIPULATIONS = ('copy-move', 'splice', 'removal')
GRAIN = (4.0, 7.0)  # Standard deviation of the host's noise, grey levels.
CAMERA_QUALITY = (93, 98)  # JPEG quality of the host before the forgery.
PIECE_QUALITY = (20, 45)  # JPEG quality of a piece from the web.
FINAL_QUALITY = (92, 97)  # JPEG quality of the finished image.
SHORT_SIDES = (256, 320, 384)
ASPECTS = (1.0, 4 / 3, 3 / 2)
RADII = (22, 56)  # Mean radius of a manipulated region, pixels.


@dataclasses.dataclass(frozen=True)
class Forgery:
  """A forged image and its ground truth.

  Attributes:
    image: uint8[height, width, 3], RGB, after the final JPEG.
    mask: uint8[height, width], 1 = manipulated.
    host: The untouched host after the same final JPEG.
    manipulation: One of `MANIPULATIONS`.
    trace: What took the grain from the piece: `inpaint` or a key of `TRACES`.
  """

  image: np.ndarray
  mask: np.ndarray
  host: np.ndarray
  manipulation: str
  trace: str


def forge(
    host: np.ndarray,
    donor: np.ndarray,
    manipulation: str,
    rng: np.random.Generator,
) -> Forgery:
  """Makes one forgery.

  Args:
    host: uint8[rows, columns, 3], the photograph to forge.
    donor: The photograph that a splice takes its piece from.
    manipulation: One of `MANIPULATIONS`.
    rng: Source of every random choice.

  Raises:
    ValueError: Unknown `manipulation`.
  """
  scene = view(host, rng)
  camera = jpeg_roundtrip(
      grain(scene, rng.uniform(*GRAIN), rng), int(rng.integers(*CAMERA_QUALITY))
  )
  mask = blob_mask(camera.shape[:2], rng)
  if manipulation == 'copy-move':
    piece, trace = add_trace(copy_move(camera, mask, rng), rng)
  elif manipulation == 'splice':
    layer = splice(view(donor, rng), camera.shape[:2])
    piece, trace = add_trace(layer, rng)
  elif manipulation == 'removal':
    piece, trace = remove(camera, mask, rng), 'inpaint'
  else:
    raise ValueError(
        f'Unknown manipulation {manipulation!r}; choose one of'
        f' {MANIPULATIONS}.'
    )
  if manipulation != 'removal' and rng.random() < 0.4:
    piece = poisson(camera, piece, mask)
  forged = feather(camera, piece, mask, rng.uniform(0.5, 2.0))
  quality = int(rng.integers(*FINAL_QUALITY))
  return Forgery(
      image=jpeg_roundtrip(forged, quality),
      mask=mask,
      host=jpeg_roundtrip(camera, quality),
      manipulation=manipulation,
      trace=trace,
  )


def view(photograph: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Returns a random crop of a photograph at a random scale, perhaps mirrored.

  The short side is one of `SHORT_SIDES`, the long one at most 512. The
  photograph is reduced, so that older JPEG traces fade, unless it is too
  small: then it is brought to the size that just fits.
  """
  short = int(rng.choice(SHORT_SIDES))
  height, width = short, min(512, round(short * rng.choice(ASPECTS)))
  if rng.random() < 0.3:
    height, width = width, height
  rows, columns = photograph.shape[:2]
  least = max(height / rows, width / columns)
  scale = least if least > 0.9 else rng.uniform(least, 0.9)
  resized = cv2.resize(
      photograph,
      (max(width, round(columns * scale)), max(height, round(rows * scale))),
      interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC,
  )
  top = rng.integers(resized.shape[0] - height + 1)
  left = rng.integers(resized.shape[1] - width + 1)
  crop = resized[top : top + height, left : left + width]
  return np.ascontiguousarray(crop[:, ::-1] if rng.random() < 0.5 else crop)


def grain(
    image: np.ndarray, sigma: float, rng: np.random.Generator
) -> np.ndarray:
  """Adds Gaussian noise, most of it shared by the three channels.

  JPEG keeps the brightness and halves the resolution of the colours, so that
  noise of the colours alone would not survive.
  """
  shared = rng.standard_normal((*image.shape[:2], 1), np.float32)
  own = rng.standard_normal(image.shape, np.float32)
  noisy = image + sigma * (0.9 * shared + 0.45 * own)
  return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def jpeg_roundtrip(image: np.ndarray, quality: int) -> np.ndarray:
  """Saves as JPEG with halved colours, loads again; uint8[h, w, 3]."""
  flags = [cv2.IMWRITE_JPEG_QUALITY, quality]
  _, code = cv2.imencode('.jpg', image[..., ::-1], flags)
  decoded = np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR))
  return np.ascontiguousarray(decoded[..., ::-1])


def blob_mask(
    shape: tuple[int, int], rng: np.random.Generator, margin: int = 4
) -> np.ndarray:
  """Samples one smooth blob somewhere inside the frame.

  The radius is a random Fourier series of the angle, stretched along one
  axis.

  Returns:
    uint8[height, width], 1 inside.
  """
  angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
  radius = np.maximum(masks.blob_radius(angle, 5, 0.25, rng), 0.3)
  stretch = np.exp(rng.uniform(-0.3, 0.3))
  outline = rng.uniform(*RADII) * radius * np.array(
      [stretch * np.cos(angle), np.sin(angle) / stretch]
  )
  low, high = outline.min(axis=1), outline.max(axis=1)
  space = np.array(shape[::-1]) - 2 * margin - 1  # Columns, then rows.
  outline *= min(1, 0.99 * (space / (high - low)).min())
  low, high = outline.min(axis=1), outline.max(axis=1)
  outline += (rng.uniform(margin - low, margin + space - high))[:, None]
  mask = np.zeros(shape, np.uint8)
  return cv2.fillPoly(mask, [np.rint(outline.T).astype(np.int32)], 1)


def copy_move(
    host: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """Returns the host moved under the mask.

  The bounding box of the mask takes its content from a random box of that
  size. The frame wraps round, but never inside the mask.
  """
  left, top, width, height = cv2.boundingRect(mask)
  row = rng.integers(mask.shape[0] - height + 1)
  column = rng.integers(mask.shape[1] - width + 1)
  return np.roll(host, (top - row, left - column), axis=(0, 1))


def splice(donor: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
  """Returns the donor laid over a frame of this shape."""
  rows, columns = shape
  below, right = rows - donor.shape[0], columns - donor.shape[1]
  pad = ((0, max(0, below)), (0, max(0, right)), (0, 0))
  return np.pad(donor, pad, 'reflect')[:rows, :columns]


def remove(
    host: np.ndarray, mask: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """Returns the host with the masked region filled from its surroundings."""
  method = (cv2.INPAINT_TELEA, cv2.INPAINT_NS)[rng.integers(2)]
  return cv2.inpaint(host, mask, 5, method)


def add_trace(
    piece: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> tuple[np.ndarray, str]:
  """Applies one of `TRACES` at random.

  Args:
    piece: uint8[height, width, 3].
    rng: Source of every random choice; as many numbers for every strength.
    strength: From 0, nearly nothing, to 1, the demo's.

  Returns:
    The piece and the name of the trace.
  """
  name = str(rng.choice(list(TRACES)))
  return TRACES[name](np.ascontiguousarray(piece), rng, strength), name


def blur(
    piece: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
  """Softens, as a retouching brush does."""
  sigma = strength * rng.uniform(1.2, 2.0)
  # OpenCV refuses 0, and a hundredth of a pixel changes nothing.
  return cv2.GaussianBlur(piece, (0, 0), max(0.01, sigma))


def denoise(
    piece: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
  """Takes medians, as the noise filter of an editor does."""
  del rng
  return _mix(cv2.medianBlur(cv2.medianBlur(piece, 5), 3), piece, strength)


def enlarge(
    piece: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
  """Enlarges the middle of the piece; interpolation smooths its grain."""
  rows, columns = piece.shape[:2]
  factor = rng.uniform(1.6, 2.4) ** strength
  height, width = round(rows / factor), round(columns / factor)
  top, left = (rows - height) // 2, (columns - width) // 2
  soft = _mix(cv2.blur(piece, (2, 2)), piece, strength)
  cut = soft[top : top + height, left : left + width]
  return cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_LINEAR)


def recompress(
    piece: np.ndarray, rng: np.random.Generator, strength: float = 1.0
) -> np.ndarray:
  """Saves harshly, on a JPEG grid that is not the host's."""
  shift = tuple(int(n) for n in rng.integers(1, 8, 2))
  moved = np.roll(piece, shift, axis=(0, 1))
  quality = int(rng.integers(*PIECE_QUALITY))
  gentle = CAMERA_QUALITY[1]
  saved = jpeg_roundtrip(moved, round(gentle + strength * (quality - gentle)))
  return np.roll(saved, (-shift[0], -shift[1]), axis=(0, 1))


TRACES = {
    'blur': blur,
    'denoise': denoise,
    'enlarge': enlarge,
    'recompress': recompress,
}


def _mix(
    changed: np.ndarray, piece: np.ndarray, strength: float
) -> np.ndarray:
  return cv2.addWeighted(changed, strength, piece, 1 - strength, 0)


def poisson(
    host: np.ndarray, piece: np.ndarray, mask: np.ndarray
) -> np.ndarray:
  """Returns the piece with the host's colours at its edge.

  OpenCV changes the whole bounding box of the mask, so only what lies inside
  the mask is to be used.
  """
  left, top, width, height = cv2.boundingRect(mask)
  centre = (left + width // 2, top + height // 2)
  return cv2.seamlessClone(piece, host, mask * 255, centre, cv2.NORMAL_CLONE)


def feather(
    host: np.ndarray, piece: np.ndarray, mask: np.ndarray, sigma: float
) -> np.ndarray:
  """Pastes the piece with an edge that fades inwards; none leaves the mask."""
  inner = cv2.erode(mask, np.ones((3, 3), np.uint8), borderValue=0)
  return blend.fade(host, piece, inner, mask, sigma)
