"""Draws the pictures of the README and of docs/evidence.md.

  python docs/picture.py docs/images/overview.png
  python docs/picture.py docs/images/evidence.png

Photographs that come with the dependencies are forged by the generator of
`manloc forge` and localized with the weights of the package, which were trained
on other photographs. The examples were chosen to show what maps can look like;
docs/fusion.md says what can be expected on average.
"""

from collections.abc import Callable
import io
import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image

import manloc_jax
from manloc_jax.data import forge
from manloc_jax.data import images
from manloc_jax.reports import contact_sheet

SEED = 2026
SIZE = (320, 320)  # Pixels: between which the shorter side is drawn.
_SCALE, _QUALITY = 0.75, 70  # Of a photograph that is forwarded.

# A file's bytes, its suffix and the truth about it, uint8[h, w].
Example = tuple[bytes, str, np.ndarray]


def forged(forgery: forge.Forgery) -> Example:
  """Returns the forgery as the generator finished it."""
  return forgery.file, forgery.suffix, forgery.mask


def untouched(forgery: forge.Forgery) -> Example:
  """Returns the photograph that was forged, in which all is authentic."""
  assert forgery.original is not None
  return forgery.original, forgery.suffix, np.zeros_like(forgery.mask)


def forwarded(forgery: forge.Forgery) -> Example:
  """Returns the forgery made smaller and saved once more."""
  height, width = forgery.mask.shape
  size = round(_SCALE * width), round(_SCALE * height)
  file = io.BytesIO()
  smaller = Image.fromarray(forgery.image).resize(size)
  smaller.save(file, 'JPEG', quality=_QUALITY)
  truth = Image.fromarray(forgery.mask).resize(size, Image.Resampling.NEAREST)
  return file.getvalue(), '.jpg', np.asarray(truth)


# Of each picture the titles, indices of forgeries and what is shown of them.
PICTURES: dict[
    str, dict[str, tuple[int, Callable[[forge.Forgery], Example]]]
] = {
    'overview': {
        'copy-move': (2, forged),
        'splice': (52, forged),
        'removal, missed': (1, forged),
    },
    'evidence': {
        'A: found': (2, forged),
        'B: A, forwarded': (2, forwarded),
        'C: missed': (1, forged),
        'D: untouched': (15, untouched),
    },
}


def draw(path: pathlib.Path) -> None:
  """Writes the picture that the name of a PNG asks for."""
  photographs = forge.packaged()
  localizer = manloc_jax.load_localizer(device='cpu')
  groups, thresholds = {}, {}
  for title, (index, show) in PICTURES[path.stem].items():
    forgery = forge.generate(
        photographs, seed=SEED, index=index, size=SIZE, keep_original=True
    )
    content, suffix, truth = show(forgery)
    with tempfile.TemporaryDirectory() as folder:
      file = pathlib.Path(folder) / f'example{suffix}'
      file.write_bytes(content)
      image = images.read_image(file)
      result = localizer.localize(file, image)
    groups[title] = [
        {'image': image.pixels, 'truth': truth, 'score': result.score}
    ]
    thresholds[title] = result.threshold
  figure = contact_sheet.sheet(groups, thresholds)
  path.parent.mkdir(parents=True, exist_ok=True)
  # Without the version of what drew it: the same picture is the same bytes.
  figure.savefig(path, dpi=80, metadata={'Software': None})


if __name__ == '__main__':
  draw(pathlib.Path(sys.argv[1]))
