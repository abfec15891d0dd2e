r"""Train step and forward pass against peers, in the same run.

  python -m manloc_jax.benchmarks.train_step --peer=torch --batch_size=64
  python -m manloc_jax.benchmarks.train_step --mode=forward --json=-

Peers: `torch` (PyTorch eager), `torch-channels-last`, `torch-compile` (with
channels last) and `plain`, the same network in plain Linen layers.
"""

import functools
from typing import Any

from absl import app
from absl import flags
import jax
import numpy as np
from ml_collections import config_flags

from manloc_jax import models
from manloc_jax.benchmarks import contestants
from manloc_jax.benchmarks import race
from manloc_jax.benchmarks import results
from manloc_jax.benchmarks import workload

PEERS = ('torch', 'torch-channels-last', 'torch-compile', 'plain')
OURS = 'manloc_jax'
PEAK = 'matrix product'

# Keeps freed memory and asks for large pages; read when a process starts.
TUNED_ALLOCATOR = {
    'GLIBC_TUNABLES': (
        'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:'
        'glibc.malloc.trim_threshold=4294967296'
    )
}

_CONFIG = config_flags.DEFINE_config_file('config', 'configs/default.py')
_PEERS = flags.DEFINE_multi_enum(
    'peer', ['torch'], PEERS, 'Whom to race; the first is `ratio_to_peer`.'
)
_MODE = flags.DEFINE_enum('mode', 'train', ['train', 'forward'], 'What to do.')
_BATCH_SIZE = flags.DEFINE_integer('batch_size', 64, 'Patches.', lower_bound=1)
_CHUNK = flags.DEFINE_integer(
    'chunk', None, 'Patches that a device works on at once; 0: all.'
)
_PRECISION = flags.DEFINE_enum(
    'precision', 'float32', contestants.PRECISIONS, 'Of the products.'
)
_PARTS = flags.DEFINE_bool('parts', False, 'Times the parts as well.')
_TUNED = flags.DEFINE_bool(
    'tuned_allocator', False, 'Best settings of the allocator, for all.'
)
_ROUNDS = flags.DEFINE_integer('rounds', 7, 'Turns of each.', lower_bound=1)
_TURN_SECONDS = flags.DEFINE_float('turn_seconds', 2.0, 'Length of a turn.')
_JSON = results.define_json_flag()


def main(argv: list[str]) -> None:
  """Races, prints a line each and writes JSON."""
  del argv
  config, mode = _CONFIG.value, _MODE.value
  config.batch_size = _BATCH_SIZE.value
  times = race.race(
      _contestants(config, mode),
      rounds=_ROUNDS.value,
      turn_seconds=_TURN_SECONDS.value,
  )
  model = models.JConvLSTMConv(**config.model)
  result = summarize(times, workload.flops(model, mode), config.batch_size)
  device = jax.devices()[0]
  result = {
      'benchmark': 'train_step',
      **results.origin(device.platform, device.device_kind),
      'mode': mode,
      'batch_size': config.batch_size,
      'chunk': _CHUNK.value,
      'precision': _PRECISION.value,
      'tuned_allocator': _TUNED.value,
      'model': config.model.to_dict(),
      'rounds': _ROUNDS.value,
      **result,
  }
  for line in lines(result):
    results.say(line)
  results.write(result, _JSON.value)


def _contestants(config, mode: str) -> list[race.Contestant]:
  settings = {'precision': _PRECISION.value, 'chunk': _CHUNK.value}
  make = functools.partial
  made = {
      OURS: make(contestants.make_step, config, mode, **settings),
      PEAK: make(contestants.make_peak, config, _PRECISION.value),
  }
  for peer in _PEERS.value:
    made[peer] = make(_make_peer, peer, config, mode, settings)
  if _PARTS.value:
    for part in workload.PARTS:
      made[part] = make(contestants.make_part, config, mode, part, **settings)
  environment = TUNED_ALLOCATOR if _TUNED.value else {}
  return [race.Contestant(*item, environment) for item in made.items()]


def _make_peer(peer: str, config, mode: str, settings) -> contestants.Run:
  if peer == 'plain':
    return contestants.make_step(
        config, mode, **{**settings, 'chunk': 0}, network='plain'
    )
  from manloc_jax.benchmarks import torch_peer  # PyTorch may not be there.

  return torch_peer.make_step(
      config,
      mode,
      channels_last=peer != 'torch',
      compiled=peer == 'torch-compile',
      precision=settings['precision'],
  )


def summarize(
    times: dict[str, race.Times], flops: dict[str, float], batch_size: int
) -> dict[str, Any]:
  """Returns ratios, speeds and shares of the peak.

  Args:
    times: By contestant; `OURS`, `PEAK`, peers and parts.
    flops: Of a patch, by part.
    batch_size: Patches.
  """
  ours = times[OURS]
  side = contestants.peak_side(jax.default_backend())
  peak = race.Times([s / (2 * side**3) for s in times[PEAK].seconds], 0, 0)
  share = lambda t, count: race.ratio(
      race.Times([s / (count * batch_size) for s in t.seconds], 0, 0), peak
  )
  peers = [name for name in times if name in PEERS]
  ratios = {peer: race.ratio(ours, times[peer]) for peer in peers}
  parts = {
      part: {
          **times[part].summary(),
          'share_of_step': 1 / race.ratio(times[part], ours)['median'],
          'gflop_per_patch': flops[part] / 1e9,
          'share_of_peak': share(times[part], flops[part])['median'],
      }
      for part in workload.PARTS
      if part in times
  }
  return {
      'ratio_to_peer': ratios[peers[0]]['median'] if peers else None,
      'patches_per_s': 1e3 * batch_size / ours.summary()['milliseconds'],
      'share_of_peak': share(ours, sum(flops.values()))['median'],
      'gflop_per_patch': sum(flops.values()) / 1e9,
      'peak_gflop_per_s': 1 / np.median(peak.seconds) / 1e9,
      'ratios': ratios,
      'contestants': {
          name: {
              **times[name].summary(),
              'patches_per_s': 1e3
              * batch_size
              / times[name].summary()['milliseconds'],
          }
          for name in (OURS, *peers)
      },
      'parts': parts,
  }


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  what = f'{result["mode"]}, batch {result["batch_size"]}'
  out = [f'{what}, {result["precision"]}, {result["device"]}']
  for name, row in result['contestants'].items():
    ratio = result['ratios'].get(name)
    text = f'  {name:<20} {row["milliseconds"]:9.1f} ms'
    text += f' {row["patches_per_s"]:9.1f} patches/s {row["peak_mib"]:7.0f} MiB'
    if ratio:
      text += (
          f'   ours is {ratio["median"]:.2f} times as fast'
          f' ({ratio["least"]:.2f} to {ratio["most"]:.2f})'
      )
    out.append(text)
  out.append(
      f'  roofline: {result["gflop_per_patch"]:.2f} GFLOP a patch, peak'
      f' {result["peak_gflop_per_s"]:.0f} GFLOP/s measured,'
      f' {result["share_of_peak"]:.0%} reached'
  )
  for part, row in result['parts'].items():
    out.append(
        f'  {part:<20} {row["milliseconds"]:9.1f} ms'
        f' {row["share_of_step"]:5.0%} of the step,'
        f' {row["share_of_peak"]:.0%} of the peak'
    )
  return out


if __name__ == '__main__':
  app.run(main)
