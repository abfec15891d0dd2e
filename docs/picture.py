"""Draws docs/images/overview.png, the picture of the README.

  python docs/picture.py docs/images/overview.png

Photographs that come with the dependencies are forged by the generator of
`manloc forge` and localized with the weights of the package, which were trained
on other photographs. The three were chosen: two forgeries that are found and
one that is not. docs/fusion.md says what can be expected on average.
"""

import pathlib
import sys
import tempfile

import manloc_jax
from manloc_jax.data import forge
from manloc_jax.data import images
from manloc_jax.reports import contact_sheet

SEED = 2026
INDICES = {53: 'copy-move', 52: 'splice', 17: 'splice, missed'}
SIZE = (320, 320)  # Pixels: between which the shorter side is drawn.


def draw(path: pathlib.Path) -> None:
  """Writes the picture as a PNG."""
  photographs = forge.packaged()
  localizer = manloc_jax.load_localizer(device='cpu')
  groups, thresholds = {}, {}
  for index, title in INDICES.items():
    forgery = forge.generate(photographs, seed=SEED, index=index, size=SIZE)
    with tempfile.TemporaryDirectory() as folder:
      file = pathlib.Path(folder) / f'forged{forgery.suffix}'
      file.write_bytes(forgery.file)
      image = images.read_image(file)
      result = localizer.localize(file, image)
    name = f'{title} ({index})'
    groups[name] = [{
        'image': image.pixels,
        'truth': forgery.mask,
        'score': result.score,
    }]
    thresholds[name] = result.threshold
  figure = contact_sheet.sheet(groups, thresholds)
  path.parent.mkdir(parents=True, exist_ok=True)
  # Without the version of what drew it: the same picture is the same bytes.
  figure.savefig(path, dpi=80, metadata={'Software': None})


if __name__ == '__main__':
  draw(pathlib.Path(sys.argv[1]))
