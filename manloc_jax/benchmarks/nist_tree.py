"""Makes a tree like NIST Nimble 2016, forged from other photographs.

NIST's images may not be passed on, but its reference table and masks say
everything except the pixels. A forged probe of the tree has the name, size,
mask, type of forgery and base photograph that the table says, so that
preparation works as hard as with the real one, and a split by image leaks as
much. The forgeries are plain ones: a score on the tree is no score on NIST.
"""

import csv
import dataclasses
import functools
import pathlib
import shutil

import cv2
import numpy as np
from PIL import Image
import tqdm

from manloc_jax.benchmarks import nist_probes
from manloc_jax.data import images
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.datasets import nist16
from manloc_jax.data.sampling import patches
from manloc_jax.data.storage import folders

TABLE = 'reference/manipulation/NC2016-manipulation-ref.csv'
QUALITY = (75, 98)  # JPEG quality of a probe; NIST's samples span it.

Row = dict[str, str]


@dataclasses.dataclass(frozen=True)
class Scene:
  """Probes that show one base photograph.

  Attributes:
    base: Its name in the table; seeds its pixels.
    host: The file that stands in for it.
    donor: Another file, for splices.
    rows: Forged probes, then genuine ones.
  """

  base: str
  host: pathlib.Path
  donor: pathlib.Path
  rows: tuple[Row, ...]


@dataclasses.dataclass(frozen=True)
class Job:
  """The arguments of `make` that all scenes need."""

  source: pathlib.Path
  out: pathlib.Path
  seed: int
  long_side: int | None


def make(
    source: pathlib.Path,
    photographs: pathlib.Path,
    out: pathlib.Path,
    *,
    targets: int | None = None,
    seed: int = 0,
    long_side: int | None = None,
    workers: int | None = None,
) -> list[str]:
  """Writes the tree, all of it or nothing.

  Rows of the table are left out with their probes, except where a mask is
  missing: then the row stays without a probe and preparation lists it. A probe
  has the same bytes for any number of targets and workers.

  Args:
    source: Release with table and masks, or a folder above it.
    photographs: Folder of JPEGs.
    out: Folder to make.
    targets: Forged probes; None for all. Their control probes come with them.
    seed: Fixes which they are and how they are forged.
    long_side: Larger images are reduced to it, masks too; None for none.
    workers: Processes; None for one per core.

  Returns:
    Masks that the table names and `source` lacks.

  Raises:
    DataError: There is no table or no photograph, or `out` exists.
  """
  if out.exists():
    raise spec.DataError(f'{out} exists; remove it or choose another --out.')
  files = _list_photographs(photographs)
  table = nist16.find_table(source)
  rows = nist16.read_table(table)
  release = table.parents[2]
  forged = [row for row in rows if nist16.is_yes(row['IsTarget'])]
  names = sorted({row['ProbeMaskFileName'] for row in forged})
  missing = [name for name in names if not (release / name).is_file()]
  usable = [row for row in forged if row['ProbeMaskFileName'] not in missing]
  order = np.random.default_rng(seed).permutation(len(usable))
  scenes = _scenes([usable[i] for i in order[:targets]], rows, files, seed)
  probes = {row['ProbeFileName'] for scene in scenes for row in scene.rows}
  kept = [
      row
      for row in rows
      if row['ProbeFileName'] in probes or row['ProbeMaskFileName'] in missing
  ]
  with folders.atomic(out) as fresh:
    (fresh / TABLE).parent.joinpath('mask').mkdir(parents=True)
    (fresh / 'probe').mkdir()
    write_table(fresh / TABLE, kept)
    _write_scenes(scenes, Job(release, fresh, seed, long_side), workers)
  return missing


def _list_photographs(folder: pathlib.Path) -> list[pathlib.Path]:
  """Lists the JPEG files of a folder.

  Raises:
    DataError: There are fewer than two.
  """
  files = sorted(
      path for path in folder.glob('*') if path.suffix.lower() == '.jpg'
  )
  if len(files) < 2:
    raise spec.DataError(
        f'{folder} has {len(files)} *.jpg; set --photographs to a folder'
        ' that has some.'
    )
  return files


def _write_scenes(scenes: list[Scene], job: Job, workers: int | None) -> None:
  """Writes the probes of all scenes and their masks, with a progress bar."""
  write = functools.partial(_write_scene, job=job)
  total = sum(len(scene.rows) for scene in scenes)
  with (
      worker_pool.ordered_map(workers) as ordered_map,
      tqdm.tqdm(total=total, unit='image', disable=None) as bar,
  ):
    for count in ordered_map(write, scenes):
      bar.update(count)


def write_table(path: pathlib.Path, rows: list[Row]) -> None:
  """Writes a reference table in NIST's dialect."""
  with open(path, 'w', newline='', encoding='utf-8') as file:
    writer = csv.DictWriter(
        file, list(rows[0]), delimiter='|', lineterminator='\n'
    )
    writer.writeheader()
    writer.writerows(rows)


def _scenes(
    chosen: list[Row], rows: list[Row], files: list[pathlib.Path], seed: int
) -> list[Scene]:
  """Gives each base photograph a file, a donor and its probes."""
  by_name = {row['ProbeFileName']: row for row in rows}
  order = np.random.default_rng(seed).permutation(np.array(files, object))
  scenes = []
  bases = sorted({row['BaseFileName'] for row in rows} - {''})
  # Where there are enough files, each serves one scene as host or as donor, so
  # that a split by photograph shows no donor of the test in training either.
  donors = order[len(bases) :] if len(order) >= 2 * len(bases) else order
  for i, base in enumerate(bases):
    forged = [row for row in chosen if row['BaseFileName'] == base]
    controls = {row['CorrespondingControlFileName'] for row in forged} - {''}
    genuine = [by_name[name] for name in sorted(controls)]
    if forged:
      host, donor = order[i % len(order)], donors[(i + 1) % len(donors)]
      scenes.append(Scene(base, host, donor, (*forged, *genuine)))
  return scenes


def _write_scene(scene: Scene, job: Job) -> int:
  """Writes the probes of a scene and their masks; returns how many."""
  rng = patches.rng_for(job.seed, scene.base)
  host = donor = None
  for row in scene.rows:
    mask = None
    if row['ProbeMaskFileName']:
      mask = copy_mask(row['ProbeMaskFileName'], job)
    if host is None or donor is None:
      assert mask is not None  # Of the first row, which is a forgery.
      host = nist_probes.photograph(scene.host, mask.shape, rng)
      donor = images.read_image(scene.donor).pixels
      quality = int(rng.integers(*QUALITY))
    probe = host
    if mask is not None:
      # Both copies of a composite, plain and rescaled, have the same mask.
      own_rng = patches.rng_for(job.seed, row['ProbeMaskFileName'])
      kind = nist16.manipulation(row)
      probe = nist_probes.forge(host, donor, mask, kind, own_rng)
    if row['ProbePostProcessed'] == 'rescale':
      size = probe.shape[:2]
      smaller = nist_probes.resize(probe, [n * 3 // 4 for n in size])
      probe = nist_probes.resize(smaller, size)
    _, code = cv2.imencode(
        '.jpg', probe[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
    )
    (job.out / row['ProbeFileName']).write_bytes(code.tobytes())
  return len(scene.rows)


def copy_mask(name: str, job: Job) -> np.ndarray:
  """Copies a mask, reduced where asked; returns uint8[h, w], 1 = forged."""
  mask = images.read_mask(job.source / name, nist16.DATASET.is_manipulated)
  scale = (job.long_side or max(mask.shape)) / max(mask.shape)
  if scale >= 1:
    shutil.copyfile(job.source / name, job.out / name)
    return mask
  size = [round(side * scale) for side in mask.shape[::-1]]
  mask = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST_EXACT)
  Image.fromarray(np.where(mask, 0, 255).astype(np.uint8)).save(job.out / name)
  return mask
