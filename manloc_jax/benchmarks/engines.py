r"""Measures what the engines add to the work on an image.

  python -m manloc_jax.benchmarks.engines --json=engines.json

Tasks that do nothing tell how many images a second one command can hand out, to
the processes of this machine and to a Ray cluster that is started on it. Images
of one megapixel tell how long `manloc localize` reads and writes beside the
method itself, and many names how much memory it takes to list an image.
"""

import collections
import contextlib
import pathlib
import statistics
import sys
import tempfile
import time
import tracemalloc

from absl import flags
import jax
from PIL import Image

from manloc_jax.benchmarks import results
from manloc_jax.commands import flag_commands
from manloc_jax.data import images
from manloc_jax.data import ray_pool
from manloc_jax.data import worker_pool
from manloc_jax.data.forge import photographs
from manloc_jax.data.listing import image_files
from manloc_jax.localization import batch
from manloc_jax.localization.classical import localizer

_TASKS = flags.DEFINE_integer('tasks', 3000, 'Of each round.', lower_bound=1)
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Of each engine.', lower_bound=1)
_JSON = results.define_json_flag()

_SIDE = 1000  # Pixels of an image.
_NAMES = 20_000


def main(argv: list[str]) -> None:
  """Runs tasks and images, prints their times and writes JSON."""
  del argv
  rates: dict[str, list[float]] = collections.defaultdict(list)
  with contextlib.ExitStack() as stack:
    ray = stack.enter_context(ray_pool.connect('local'))
    engines = {'local': worker_pool.ordered_map, 'ray': ray}
    maps = {
        name: stack.enter_context(engine(None))
        for name, engine in engines.items()
    }
    for run in maps.values():
      _tasks_per_second(run, 100)  # Processes start.
    for _ in range(_ROUNDS.value):
      for name, run in maps.items():
        rates[name].append(_tasks_per_second(run, _TASKS.value))
  result = {
      'benchmark': 'engines',
      **results.describe_machine('cpu', jax.devices('cpu')[0].device_kind),
      'tasks': _TASKS.value,
      'tasks_per_s': {
          name: {
              'median': statistics.median(values),
              'least': min(values),
              'most': max(values),
          }
          for name, values in rates.items()
      },
      'files_seconds_per_megapixel': _files_seconds(),
      'listing_bytes_per_image': _listing_bytes(),
  }
  results.finish(result, lines(result), _JSON.value)


def _tasks_per_second(run: worker_pool.Map, count: int) -> float:
  start = time.perf_counter()
  collections.deque(run(abs, range(count)), maxlen=0)
  return count / (time.perf_counter() - start)


def _files_seconds() -> float:
  """Returns how long reading and writing take a core, in seconds/megapixel."""
  method = localizer.ClassicalLocalizer('noise')
  with tempfile.TemporaryDirectory() as folder:
    inputs = []
    for i, photograph in enumerate(photographs.packaged().listed[:3]):
      path = pathlib.Path(folder, f'{i}.jpg')
      with Image.open(photograph.path) as original:
        original.convert('RGB').resize((_SIDE, _SIDE)).save(path, quality=90)
      inputs.append(image_files.Input(path, path.name))
    decoded = [(each.path, images.read_image(each.path)) for each in inputs]
    seconds = []
    for i in range(_ROUNDS.value + 1):
      out = pathlib.Path(folder, f'out-{i}')
      times = [time.process_time()]
      list(batch.localize_files(inputs, method, out))
      times.append(time.process_time())
      for path, image in decoded:
        method.localize(path, image)
      times.append(time.process_time())
      whole, alone = times[1] - times[0], times[2] - times[1]
      seconds.append((whole - alone) / len(inputs))
  return statistics.median(seconds[1:]) / (_SIDE**2 / 1e6)


def _listing_bytes() -> float:
  """Returns the most memory that listing takes, in bytes for each image."""
  with tempfile.TemporaryDirectory() as name:
    for i in range(_NAMES):
      folder = pathlib.Path(name, 'archive', f'{i // 1000:04d}')
      folder.mkdir(parents=True, exist_ok=True)
      (folder / f'photograph-{i:08d}.jpg').touch()
    tracemalloc.start()
    image_files.find([name], pathlib.Path(name, 'out'))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
  return most / _NAMES


def lines(result: dict) -> list[str]:
  """Renders a result for a terminal."""
  rows = [
      f'  {name:<8} {rate["median"]:9.0f} tasks/s'
      f' ({rate["least"]:.0f} to {rate["most"]:.0f})'
      for name, rate in result['tasks_per_s'].items()
  ]
  return [
      f'engines, tasks that do nothing, {result["device"]}',
      *rows,
      '  reading an image and writing its results takes a core'
      f' {result["files_seconds_per_megapixel"]:.3f} s/megapixel',
      '  listing takes'
      f' {result["listing_bytes_per_image"]:.0f} bytes of memory for an image',
  ]


if __name__ == '__main__':
  sys.exit(flag_commands.run(main))
