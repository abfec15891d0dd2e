"""Embedded demo: forgeries of photographs that come with the dependencies.

Nothing is downloaded. scikit-image, scikit-learn and matplotlib ship a few
photographs each; `manloc_jax.data.forge.plain` forges them, with traces that
are plain on purpose, so scores on this data set say that the code learns and
nothing about forgeries in the wild.

  root/version.txt   version of the code that made the tree
  root/images/*.png  forged images
  root/masks/*.png   255 = manipulated

Training, validation and test images come from different photographs.
"""

import dataclasses
import functools
import pathlib
import shutil

import cv2
import numpy as np

from manloc_jax.data import progress
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.forge import bundled
from manloc_jax.data.forge import plain
from manloc_jax.data.storage import folders

VERSION = 'manloc demo 1'  # Raise it with every change of the images.
SEED = 2017
COUNTS = {'train': 28, 'val': 10, 'test': 20}  # Forgeries of a photograph.


@dataclasses.dataclass(frozen=True)
class Task:
  """One image to make; its index seeds every random choice."""

  index: int
  host: bundled.Photograph
  manipulation: str

  @property
  def image_id(self) -> str:
    return f'{self.host.name}_{self.index:04d}_{self.manipulation}'


def tasks() -> list[Task]:
  """Lists the images of the demo, the same ones on every call."""
  hosts = [p for p in bundled.PHOTOGRAPHS for _ in range(COUNTS[p.split])]
  kinds = plain.MANIPULATIONS
  return [Task(i, p, kinds[i % len(kinds)]) for i, p in enumerate(hosts)]


def find_records(
    root: pathlib.Path,
) -> tuple[list[spec.Record], list[spec.Rejected]]:
  """Lists the images of the demo, and makes them where they are missing.

  Args:
    root: Folder of the demo; made again if another version wrote it.

  Raises:
    DataError: A photograph is not installed, or `root` holds other files.
  """
  root = pathlib.Path(root)
  version = root / 'version.txt'
  if not version.exists() or version.read_text() != VERSION:
    synthesize(root)
  records = [
      spec.Record(
          image_id=task.image_id,
          image=root / 'images' / f'{task.image_id}.png',
          mask=root / 'masks' / f'{task.image_id}.png',
          group=task.host.group,
          manipulation=task.manipulation,
          split=task.host.split,
      )
      for task in tasks()
  ]
  return records, []


def is_manipulated(mask: np.ndarray) -> np.ndarray:
  """Reads a mask file: uint8[h, w] to bool[h, w]."""
  return mask > 127


def synthesize(
    root: pathlib.Path,
    todo: list[Task] | None = None,
    workers: int | None = None,
) -> None:
  """Writes the demo at `root`, atomically.

  Args:
    root: Folder to make; a demo of another version there is replaced.
    todo: Images to make; all by default.
    workers: Processes; one per core by default. The bytes do not depend on it.

  Raises:
    DataError: A photograph is not installed, or `root` holds something else.
  """
  _refuse_foreign(root)
  todo = tasks() if todo is None else todo
  for photograph in bundled.PHOTOGRAPHS:
    bundled.locate(photograph)
  if root.exists():
    shutil.rmtree(root)
  with folders.atomic(root) as fresh, worker_pool.ordered_map(workers) as run:
    for name in ('images', 'masks'):
      (fresh / name).mkdir()
    done = run(functools.partial(write, root=fresh), todo)
    for _ in progress.progress(done, 'forging', len(todo)):
      pass
    (fresh / 'version.txt').write_text(VERSION)


def write(task: Task, root: pathlib.Path) -> None:
  """Makes one image and its mask."""
  forgery = make(task)
  name = f'{task.image_id}.png'
  _save(root / 'images' / name, forgery.image[..., ::-1])
  _save(root / 'masks' / name, forgery.mask * 255)


def make(task: Task) -> plain.Forgery:
  """Forges one image, from its index alone."""
  rng = np.random.default_rng((SEED, task.index))
  donors = [
      p
      for p in bundled.PHOTOGRAPHS
      if p.split == task.host.split and p.group != task.host.group
  ]
  donor = donors[rng.integers(len(donors))]
  return plain.forge(
      bundled.load(task.host), bundled.load(donor), task.manipulation, rng
  )


def _save(path: pathlib.Path, image: np.ndarray) -> None:
  # Not cv2.imwrite, which does not report the reason of a failure.
  _, code = cv2.imencode('.png', image)
  path.write_bytes(code.tobytes())


def _refuse_foreign(root: pathlib.Path) -> None:
  """Raises DataError where making the demo would delete other files."""
  if root.is_file() or root.is_dir() and any(root.iterdir()):
    if not (root / 'version.txt').exists():
      raise spec.DataError(
          f'{root} holds files that the demo did not write; give manloc an'
          ' empty or new folder, or set --config.data.root= to it.'
      )


DATASET = spec.Dataset(
    name='demo',
    description=(
        'Forgeries of photographs that come with scikit-image, scikit-learn'
        ' and matplotlib, with traces that are plain on purpose.'
    ),
    homepage='https://scikit-image.org/docs/stable/api/skimage.data.html',
    citation='None: the forgeries are made by manloc_jax.data.forge.plain.',
    layout='images/*.png and masks/*.png; made on first use.',
    find_records=find_records,
    is_manipulated=is_manipulated,
    published={'manipulated': len(tasks()), 'pristine': 0},
)
