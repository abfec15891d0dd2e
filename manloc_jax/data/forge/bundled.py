"""Lists and reads the photographs that come with the dependencies."""

import dataclasses
import functools
import importlib.util
import pathlib

import cv2
import numpy as np

from manloc_jax.data import spec


@dataclasses.dataclass(frozen=True)
class Photograph:
  """A photograph inside an installed package, and the split it belongs to."""

  group: str
  split: str
  package: str
  path: str  # Inside the package.

  @property
  def name(self) -> str:
    return pathlib.Path(self.path).stem


PHOTOGRAPHS = tuple(
    Photograph(group, split, package, path)
    for group, split, package, path in (
        ('astronaut', 'train', 'skimage', 'data/astronaut.png'),
        ('brick', 'train', 'skimage', 'data/brick.png'),
        ('camera', 'train', 'skimage', 'data/camera.png'),
        ('coffee', 'train', 'skimage', 'data/coffee.png'),
        ('coins', 'train', 'skimage', 'data/coins.png'),
        ('grass', 'train', 'skimage', 'data/grass.png'),
        ('ihc', 'train', 'skimage', 'data/ihc.png'),
        # Two views of one scene.
        ('motorcycle', 'train', 'skimage', 'data/motorcycle_left.png'),
        ('motorcycle', 'train', 'skimage', 'data/motorcycle_right.png'),
        ('retina', 'train', 'skimage', 'data/retina.jpg'),
        ('china', 'train', 'sklearn', 'datasets/images/china.jpg'),
        ('hubble', 'val', 'skimage', 'data/hubble_deep_field.jpg'),
        ('moon', 'val', 'skimage', 'data/moon.png'),
        ('rocket', 'val', 'skimage', 'data/rocket.jpg'),
        ('chelsea', 'test', 'skimage', 'data/chelsea.png'),
        ('gravel', 'test', 'skimage', 'data/gravel.png'),
        ('flower', 'test', 'sklearn', 'datasets/images/flower.jpg'),
        (
            'grace_hopper',
            'test',
            'matplotlib',
            'mpl-data/sample_data/grace_hopper.jpg',
        ),
    )
)


def locate(photograph: Photograph) -> pathlib.Path:
  """Finds the file without importing its package.

  Raises:
    DataError: The package or the file is not installed.
  """
  package = importlib.util.find_spec(photograph.package)
  if package is not None and package.origin is not None:
    path = pathlib.Path(package.origin).parent / photograph.path
    if path.exists():
      return path
  raise spec.DataError(
      f'The demo needs {photograph.path} of the package'
      f' {photograph.package!r}, which is not installed; install scikit-image,'
      ' scikit-learn and matplotlib.'
  )


@functools.cache
def load(photograph: Photograph) -> np.ndarray:
  """Reads a photograph: uint8[rows, columns, 3], RGB.

  Raises:
    DataError: It is not installed, or its file is broken.
  """
  path = locate(photograph)
  image = cv2.imread(str(path), cv2.IMREAD_COLOR)
  if image is None:
    raise spec.DataError(
        f'{path} cannot be decoded; install {photograph.package} again.'
    )
  return np.ascontiguousarray(image[..., ::-1])
