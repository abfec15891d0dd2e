r"""Compares the preparation of large photographs with only decoding them.

  python -m manloc_jax.benchmarks.prepare --root=data/standin --images=8,16,32

`--root` is NIST16, or what `manloc_jax.benchmarks.standin` makes. For each
number of images, processes of their own prepare that many forged ones and
decode the same images and masks once, interleaved and with as many workers.
`decode_share` is the time of decoding over that of preparation: 1 means that
preparation costs nothing else. Memory is that of parent and workers together;
pages that they share count in each.
"""

from collections.abc import Callable, Sequence
import contextlib
import multiprocessing
import os
import pathlib
import statistics
import sys
import tempfile
import time
from typing import Any

from absl import flags
from PIL import Image

from manloc_jax import argument_types
from manloc_jax import errors
from manloc_jax.benchmarks import nist_tree
from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.data import images
from manloc_jax.data import prepare as prepare_lib
from manloc_jax.data import spec
from manloc_jax.data import worker_pool
from manloc_jax.data.datasets import nist16

_ROOT = flags.DEFINE_string('root', None, 'Tree of NIST16.')
_IMAGES = flags.DEFINE_list(
    'images', ['8', '16', '32'], 'Forged images in each.'
)
_WORKERS = flags.DEFINE_integer(
    'workers', None, 'Processes; one per core by default.', lower_bound=1
)
_TURNS = flags.DEFINE_integer('turns', 3, 'Of each.', lower_bound=1)
_SCRATCH = flags.DEFINE_string('scratch', None, 'Folder for prepared sets.')
_JSON = results.define_json_flag()

_SAMPLE_SECONDS = 0.05  # Between two looks at the memory.


def main(argv: list[str]) -> None:
  """Prepares and decodes, prints a line for each number of images."""
  del argv
  workers = _WORKERS.value or worker_pool.available_cores()
  counts = results.read_numbers(
      '--images', _IMAGES.value, argument_types.positive
  )
  records, _ = nist16.find_records(pathlib.Path(_ROOT.value or ''))
  forged = [record for record in records if record.mask is not None]
  if max(counts) > len(forged):
    raise errors.UserError(
        f'{_ROOT.value} has {len(forged)} forged images, --images asks for '
        f'{max(counts)}; lower it or make a larger tree.'
    )
  rows = [
      measure(forged[:count], workers, _TURNS.value, _SCRATCH.value)
      for count in counts
  ]
  result = {
      'benchmark': 'prepare',
      **results.describe_machine('cpu', ''),
      'workers': workers,
      'turns': _TURNS.value,
      'rows': rows,
  }
  results.finish(result, lines(result), _JSON.value)


def measure(
    records: Sequence[spec.Record],
    workers: int,
    rounds: int,
    scratch: str | None = None,
) -> dict[str, Any]:
  """Prepares some images and decodes them, interleaved.

  Args:
    records: Forged images.
    workers: Processes.
    rounds: Runs of each; the medians count.
    scratch: Folder for the prepared sets; None for the system's.

  Returns:
    `seconds` and `peak_mib` of preparation, `decode_seconds`, speeds of both
    per image and megapixel, and `decode_share`.
  """
  seconds: dict[str, list[float]] = {'prepare': [], 'decode': []}
  peaks = []
  for _ in range(rounds):
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
      root = link(records, pathlib.Path(folder) / 'tree')
      out = pathlib.Path(folder) / 'out'
      took, _ = watch(decode, records, workers)
      seconds['decode'].append(took)
      took, peak = watch(prepare, root, out, workers)
      seconds['prepare'].append(took)
      peaks.append(peak)
  took = statistics.median(seconds['prepare'])
  decoding = statistics.median(seconds['decode'])
  megapixels = sum(_pixels(record.image) for record in records) / 1e6
  return {
      'images': len(records),
      'megapixels': megapixels,
      'seconds': took,
      'images_per_s': len(records) / took,
      'megapixels_per_s': megapixels / took,
      'peak_mib': max(peaks) / 2**20,
      'decode_seconds': decoding,
      'decode_megapixels_per_s': megapixels / decoding,
      'decode_share': decoding / took,
      'all_seconds': seconds,
  }


def _pixels(path: pathlib.Path) -> int:
  with Image.open(path) as image:
    return image.width * image.height


def link(records: Sequence[spec.Record], root: pathlib.Path) -> pathlib.Path:
  """Makes a tree of NIST16 that holds links to some images and their masks."""
  table = root / nist_tree.TABLE
  (table.parent / 'mask').mkdir(parents=True)
  (root / 'probe').mkdir()
  rows = []
  for record in records:
    assert record.mask is not None  # It is forged.
    probe = f'probe/{record.image.name}'
    mask = f'reference/manipulation/mask/{record.mask.name}'
    (root / probe).symlink_to(record.image.absolute())
    if not (root / mask).exists():
      (root / mask).symlink_to(record.mask.absolute())
    kind = record.manipulation
    rows.append({
        'ProbeFileName': probe,
        'ProbeMaskFileName': mask,
        'IsTarget': 'Y',
        'BaseFileName': record.group,
        'IsManipulationTypeRemoval': 'NY'[kind == 'removal'],
        'IsManipulationTypeSplice': 'NY'[kind == 'splice'],
        'IsManipulationTypeCopyClone': 'NY'[kind == 'copy-move'],
    })
  nist_tree.write_table(table, rows)
  return root


def prepare(root: pathlib.Path, out: pathlib.Path, workers: int) -> float:
  """Prepares a tree; returns seconds."""
  from manloc_jax.data.storage import records  # noqa: F401  Not on the clock.

  begin = time.monotonic()
  prepare_lib.prepare(
      dataset='nist16', root=root, out=out, seed=0, workers=workers
  )
  return time.monotonic() - begin


def decode(records: Sequence[spec.Record], workers: int) -> float:
  """Decodes images and masks; returns seconds."""
  begin = time.monotonic()
  with worker_pool.ordered_map(workers) as run:
    for _ in run(_decode_one, records):
      pass
  return time.monotonic() - begin


def _decode_one(record: spec.Record) -> None:
  assert record.mask is not None  # It is forged.
  images.read_image(record.image)
  images.read_mask(record.mask, nist16.DATASET.is_manipulated)


def watch(task: Callable[..., float], *args) -> tuple[float, int]:
  """Runs a task in a fresh process.

  Returns:
    What it returns, and the peak of the memory, in bytes, that it and its
    workers hold.

  Raises:
    UserError: The task did.
    RuntimeError: The process failed otherwise; it has printed why.
  """
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  process = context.Process(target=_report, args=(theirs, task, *args))
  process.start()
  theirs.close()
  peak = 0
  while not ours.poll(_SAMPLE_SECONDS):
    processes = _process_tree(str(process.pid))
    peak = max(peak, sum(map(_resident_bytes, processes)))
  try:
    reply = ours.recv()
  except EOFError:
    raise RuntimeError(f'{task.__name__} failed, see above.') from None
  finally:
    process.join()
  if isinstance(reply, errors.UserError):
    raise reply
  return reply, peak


def _report(pipe, task: Callable[..., float], *args) -> None:
  try:
    pipe.send(task(*args))
  except errors.UserError as error:
    pipe.send(error)


def _process_tree(process: str) -> list[str]:
  """Lists a process and all that descend from it."""
  children: list[str] = []
  for path in pathlib.Path(f'/proc/{process}/task').glob('*/children'):
    with contextlib.suppress(OSError):  # It has just ended.
      children += path.read_text().split()
  return [process, *(pid for child in children for pid in _process_tree(child))]


def _resident_bytes(process: str) -> int:
  with contextlib.suppress(OSError):  # It has just ended.
    pages = pathlib.Path(f'/proc/{process}/statm').read_text().split()[1]
    return int(pages) * os.sysconf('SC_PAGE_SIZE')
  return 0


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  out = [
      f'preparation of NIST16, {result["workers"]} workers, {result["device"]}'
  ]
  for row in result['rows']:
    out.append(
        f'  {row["images"]:4d} images {row["seconds"]:7.1f} s'
        f' {row["images_per_s"]:6.2f} images/s'
        f' {row["megapixels_per_s"]:6.1f} megapixels/s'
        f' {row["peak_mib"]:6.0f} MiB'
        f'   decoding alone is {row["decode_share"]:.0%} of that'
    )
  return out


if __name__ == '__main__':
  sys.exit(flag_commands.run(main, required=['root']))
