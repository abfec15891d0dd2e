"""Small image trees in the layouts of the datasets, with their oddities."""

from collections.abc import Callable
import csv
import pathlib

import cv2
import numpy as np
from PIL import Image

from manloc_jax.data import prepare
from manloc_jax.data.sampling import patches

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


def nimble_rows() -> list[dict[str, str]]:
  """Rows for six forgeries, two of each base, and four genuine probes."""
  rows = []
  for i in range(10):
    kind = ('Removal', 'Splice', 'CopyClone', None)[min(i // 2, 3)]
    mask = f'reference/manipulation/mask/NC2016_{i:04d}.png' if kind else ''
    rows.append({
        'ProbeFileName': f'probe/NC2016_{i:04d}.jpg',
        'ProbeMaskFileName': mask,
        'IsTarget': 'Y' if kind else 'N',
        **{
            f'IsManipulationType{name}': 'Y' if name == kind else 'N'
            for name in ('Removal', 'Splice', 'CopyClone')
        },
        'BaseFileName': f'world/NC2016_{i // 2:04d}.jpg' if kind else '',
    })
  return rows


def nist16(
    root: pathlib.Path,
    rows: list[dict[str, str]] | None = None,
    delimiter: str = '|',
    quoting: int = csv.QUOTE_MINIMAL,
) -> pathlib.Path:
  """Writes a Nimble tree with a file for every probe and mask of `rows`."""
  rows = rows or nimble_rows()
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


def save(path: pathlib.Path, pixels: np.ndarray, mode: str = ''):
  """Saves uint8[h, w] or uint8[h, w, c], in another mode if one is named."""
  path.parent.mkdir(parents=True, exist_ok=True)
  image = Image.fromarray(pixels)
  (image.convert(mode) if mode else image).save(path)


def litter(folder: pathlib.Path) -> None:
  """Leaves what operating systems leave, and one stranger."""
  for name in ('._a.png', 'Thumbs.db', '.DS_Store'):
    (folder / name).write_bytes(b'')
  save(folder / 'holiday snap.jpg', photograph(99))


def ifs(root: pathlib.Path) -> pathlib.Path:
  """Masks with soft edges, of all modes, beside the fakes and moved away."""
  top = root / 'dataset-dist/phase-01/training'
  for i, mode in enumerate(('L', 'RGB', 'RGBA', 'P', 'L', 'L')):
    name = f'{i:032x}'
    save(top / f'fake/{name}.png', photograph(i), 'RGBA' if i == 2 else '')
    grey = cv2.GaussianBlur(255 * (1 - region(i)), (5, 5), 0)
    below = 'masks/' if i == 4 else ''
    save(top / f'fake/{below}{name}.mask.png', grey, mode)
    save(top / f'pristine/{i + 16:032x}.png', photograph(50 + i))
  # Another size than its image, as eight of the set have.
  save(top / f'fake/{5:032x}.mask.png', 255 * (1 - region(5, (192, 128))))
  litter(top / 'fake')
  return root


def coverage(root: pathlib.Path) -> pathlib.Path:
  """Pairs 1 to 6, of which 6 has a mask of another size."""
  for i in range(1, 7):
    save(root / f'image/{i}.tif', photograph(50 + i))
    save(root / f'image/{i}t.tif', photograph(i))
    mask = 255 * region(i, (120, 192) if i == 6 else SIZE)
    save(root / f'mask/{i}forged.tif', mask)
    for kind in ('copy', 'paste'):
      save(root / f'mask/{i}{kind}.tif', mask)
  litter(root / 'image')
  return root


def casia2(root: pathlib.Path) -> pathlib.Path:
  """One mask ends in `_gt3`, one has the other letter, one donor is unknown."""
  for i in range(6):
    base, letter = f'ani{i:05d}', 'DS'[i % 2]
    donor = ('xxx00000' if i == 4 else f'nat{i:05d}') if i % 2 == 0 else base
    name = f'NRN_S_N_{base}_{donor}_{i:05d}'
    forged, pristine = ('tif', 'bmp') if i == 2 else ('jpg', 'jpg')
    save(root / f'Tp/Tp_{letter}_{name}.{forged}', photograph(i))
    save(root / f'Au/Au_ani_{i:05d}.{pristine}', photograph(i))
    stem = f'Tp_{"S" if i == 0 else letter}_{name}_{"gt3" if i == 1 else "gt"}'
    save(root / f'CASIA 2 Groundtruth/{stem}.png', 255 * region(i))
  litter(root / 'Tp')
  return root


def columbia(root: pathlib.Path) -> pathlib.Path:
  """Masks are JPEG: bright and dark green for the splice, red for the rest."""
  for i in range(1, 7):
    stem = f'canong3_canonxt_sub_{i:02d}'
    save(root / f'4cam_splc/{stem}.tif', photograph(i))
    mask = region(i)
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[..., 0], colours[..., 1] = 255 * (1 - mask), 255 * mask
    colours[::2] //= 2
    save(root / f'4cam_splc/edgemask/{stem}_edgemask.jpg', colours)
    scene = f'canong3_{2 + 3 * (i // 3):02d}'
    save(root / f'4cam_auth/{scene}_sub_{i:02d}.tif', photograph(50 + i))
  litter(root / '4cam_splc')
  return root


def dso1(root: pathlib.Path) -> pathlib.Path:
  for i in range(1, 7):
    save(root / f'tifs-database/DSO-1/splicing-{i:02d}.png', photograph(i))
    save(root / f'tifs-database/DSO-1/normal-{i:02d}.png', photograph(50 + i))
    folder = root / 'tifs-database/DSO-1-Fake-Images-Masks'
    save(folder / f'splicing-{i:02d}.png', 255 * (1 - region(i)))
  litter(root / 'tifs-database/DSO-1')
  return root


def realistic(root: pathlib.Path) -> pathlib.Path:
  """Masks of three levels; one stem in two cameras."""
  for i in range(6):
    camera = root / ('Canon_60D', 'Sony_A57')[i % 2]
    stem = f'DPP{i // 2:04d}'
    save(camera / f'pristine/{stem}.TIF', photograph(50 + i))
    save(camera / f'tampered-realistic/{stem}.TIF', photograph(i))
    levels = np.where(np.arange(SIZE[1]) % 2, 255, 127).astype(np.uint8)
    save(camera / f'ground-truth/{stem}.PNG', region(i) * levels)
  litter(root / 'Canon_60D/tampered-realistic')
  return root


def imd2020(root: pathlib.Path) -> pathlib.Path:
  """Threads of one original and two forgeries; a readme beside them."""
  for i in range(4):
    thread = root / 'IMD2020' / f'1a{i}ogs'
    save(thread / f'1a{i}ogs_orig.jpg', photograph(50 + i))
    for j, suffix in enumerate(('jpg', 'png')):
      save(thread / f'c8tf5mq_{j}.{suffix}', photograph(2 * i + j))
      save(thread / f'c8tf5mq_{j}_mask.png', 255 * region(2 * i + j))
  litter(root / 'IMD2020')
  return root


def comofod(root: pathlib.Path) -> pathlib.Path:
  for i in range(1, 5):
    for kind in ('F', 'O'):
      save(root / f'{i:03d}_{kind}.png', photograph(i))
      save(root / f'{i:03d}_{kind}_JC1.jpg', photograph(i))
      save(root / f'{i:03d}_{kind}_CA3.png', photograph(i))
    save(root / f'{i:03d}_B.png', 255 * region(i))
    save(root / f'{i:03d}_M.png', photograph(i))
  litter(root)
  return root


def autosplice(root: pathlib.Path) -> pathlib.Path:
  for i in range(6):
    number = f'{39406 + i}'
    save(root / 'Authentic' / f'{number}.jpg', photograph(50 + i))
    save(root / 'Mask' / f'{number}_mask.png', region(i) * 255)
    for quality in (75, 100):
      name = f'Forged_JPEG{quality}/{number}_0.jpg'
      save(root / name, photograph(i))
  litter(root / 'Forged_JPEG75')
  return root


def cocoglide(root: pathlib.Path) -> pathlib.Path:
  for i in range(6):
    name = f'dining table_{i}'
    fake = root / f'CocoGlide/fake/glide_inpainting_val2017_{i}_up.png'
    save(fake, photograph(i))
    save(root / f'CocoGlide/real/{name}.png', photograph(50 + i))
    save(root / f'CocoGlide/mask/{name}_mask.png', 255 * region(i))
  litter(root / 'CocoGlide/fake')
  return root


def folder(root: pathlib.Path) -> pathlib.Path:
  """Masks of 0 and 1 and of 0 and 255; one suffix in capitals."""
  for i in range(6):
    save(root / f'images/{i}.{"JPG" if i else "png"}', photograph(i))
    save(root / f'masks/{i}.png', region(i) * (1 if i == 3 else 255))
  litter(root / 'images')
  return root


MAKERS: dict[str, Callable[[pathlib.Path], pathlib.Path]] = {
    maker.__name__: maker
    for maker in (
        casia1,
        casia2,
        autosplice,
        cocoglide,
        columbia,
        comofod,
        coverage,
        dso1,
        folder,
        ifs,
        imd2020,
        nist16,
        realistic,
    )
}


def prepared(root: pathlib.Path, out: pathlib.Path, **changes) -> pathlib.Path:
  """Prepares a CASIA tree with few patches, in this process."""
  settings = {
      'dataset': 'casia1',
      'root': root,
      'out': out,
      'seed': 3,
      'split_rule': 'group',
      'fractions': (0.5, 0.25, 0.25),
      'sampler': patches.Sampler(max_per_image=12),
      'workers': 1,
      **changes,
  }
  return prepare.prepare(**settings)
