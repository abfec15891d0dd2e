"""Small image trees in the layouts of the datasets."""

import csv
import pathlib

import numpy as np
from PIL import Image

from manloc_jax.data import patches
from manloc_jax.data import prepare

SIZE = (128, 192)


def photograph(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
  return np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)


def region(seed: int, size: tuple[int, int] = SIZE) -> np.ndarray:
  """A mask uint8[h, w] with one rectangle of 48x64 pixels."""
  rng = np.random.default_rng(seed)
  top, left = rng.integers(0, size[0] - 48), rng.integers(0, size[1] - 64)
  mask = np.zeros(size, np.uint8)
  mask[top : top + 48, left : left + 64] = 1
  return mask


def casia1(root: pathlib.Path, forged: int = 12, authentic: int = 2):
  """Writes a CASIA tree whose forgeries all come from other photographs."""
  for folder in ('Au', 'Tp/CM', 'Tp/Sp', 'Gt/CM', 'Gt/Sp'):
    (root / folder).mkdir(parents=True)
  for i in range(authentic):
    path = root / 'Au' / f'Au_ani_{i:04d}.jpg'
    Image.fromarray(photograph(1000 + i)).save(path, quality=95)
  for i in range(forged):
    splice(root, f'ani{i:04d}', f'art{i:04d}', i)
  return root


def splice(root: pathlib.Path, base: str, donor: str, seed: int) -> str:
  """Writes one forged image and its mask; returns its stem."""
  stem = f'Sp_D_NNN_A_{base}_{donor}_{seed:04d}'
  image, mask = photograph(seed), region(seed)
  Image.fromarray(image).save(root / 'Tp/Sp' / f'{stem}.jpg', quality=95)
  Image.fromarray(mask * 255).save(root / 'Gt/Sp' / f'{stem}_gt.png')
  return stem


def nist16(
    root: pathlib.Path,
    rows: list[dict[str, str]],
    delimiter: str = '|',
    quoting: int = csv.QUOTE_MINIMAL,
) -> pathlib.Path:
  """Writes a Nimble tree with a file for every probe and mask of `rows`."""
  reference = root / 'reference/manipulation'
  reference.mkdir(parents=True)
  (reference / 'mask').mkdir()
  (root / 'probe').mkdir()
  with open(
      reference / 'NC2016-manipulation-ref.csv', 'w', newline=''
  ) as file:
    writer = csv.DictWriter(
        file, list(rows[0]), delimiter=delimiter, quoting=quoting
    )
    writer.writeheader()
    writer.writerows(rows)
  for i, row in enumerate(rows):
    Image.fromarray(photograph(i)).save(root / row['ProbeFileName'])
    if row['ProbeMaskFileName']:
      grey = np.where(region(i), 0, 255).astype(np.uint8)
      Image.fromarray(grey).save(root / row['ProbeMaskFileName'])
  return root


def prepared(root: pathlib.Path, out: pathlib.Path, **changes) -> pathlib.Path:
  """Prepares a CASIA tree with few patches, in this process."""
  settings = {
      'dataset': 'casia1',
      'root': root,
      'out': out,
      'seed': 3,
      'fractions': (0.5, 0.25, 0.25),
      'sampler': patches.Sampler(max_per_image=12),
      'workers': 1,
      **changes,
  }
  return prepare.prepare(**settings)
