r"""Compares train step and forward pass with peers.

  python -m manloc_jax.benchmarks.train_step --peer=torch --batch_size=64
  python -m manloc_jax.benchmarks.train_step --mode=forward --json=-

Peers: `torch` (PyTorch eager), `torch-channels-last`, `torch-compile` (with
channels last) and `plain`, the same network in plain Linen layers. The others
are ours without one of its arrangements, which says what each brings.
"""

from collections.abc import Callable
import functools
import sys
from typing import Any

from absl import flags
import jax
import numpy as np

from manloc_jax.benchmarks import candidates
from manloc_jax.benchmarks import command
from manloc_jax.benchmarks import interleaved
from manloc_jax.benchmarks import workload
from manloc_jax.commands import flag_commands

# Arguments of `candidates.make_step`.
ARRANGEMENTS: dict[str, dict[str, Any]] = {
    'plain': {'network': 'plain', 'microbatch_size': 0},
    'plain-lstm': {'network': 'plain-lstm'},
    'plain-convolutions': {
        'network': 'plain-convolutions',
        'microbatch_size': 0,
    },
    'unchunked': {'microbatch_size': 0},
}
PEERS = ('torch', 'torch-channels-last', 'torch-compile', *ARRANGEMENTS)
OURS = 'manloc_jax'
PEAK = 'matrix product'

# Keeps freed memory and asks for large pages; read when a process starts.
TUNED_ALLOCATOR = {
    'GLIBC_TUNABLES': (
        'glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=4294967296:'
        'glibc.malloc.trim_threshold=4294967296'
    )
}

_PEERS = command.define_peers(PEERS, ['torch'])
_MODE = command.define_mode()
_MICROBATCH_SIZE = command.define_microbatch_size()
_PARTS = flags.DEFINE_bool('parts', False, 'Times the parts as well.')
_TUNED = flags.DEFINE_bool(
    'tuned_allocator', False, 'Best settings of the allocator, for all.'
)


def main(argv: list[str]) -> None:
  """Measures all candidates, prints a line for each and writes JSON."""
  del argv
  config, mode = command.read_config(), _MODE.value
  times = command.measure(
      _candidates(config, mode), TUNED_ALLOCATOR if _TUNED.value else None
  )
  model = workload.make_model(config)
  result = {
      'mode': mode,
      'chunk': _MICROBATCH_SIZE.value,
      'tuned_allocator': _TUNED.value,
      **summarize(times, workload.flops(model, mode), config.batch_size),
  }
  command.finish('train_step', result, lines)


def _candidates(config, mode: str) -> dict[str, Callable]:
  precision = command.PRECISION.value
  arguments = {
      'precision': precision,
      'microbatch_size': _MICROBATCH_SIZE.value,
  }
  make = functools.partial
  made: dict[str, Callable] = {
      OURS: make(candidates.make_step, config, mode, **arguments),
      PEAK: make(candidates.make_peak, config, precision),
  }
  for peer in _PEERS.value:
    made[peer] = make(_make_peer, peer, config, mode, arguments)
  if _PARTS.value:
    for part in workload.PARTS:
      made[part] = make(candidates.make_part, config, mode, part, **arguments)
  return made


def _make_peer(peer: str, config, mode: str, arguments) -> candidates.Run:
  if peer in ARRANGEMENTS:
    return candidates.make_step(
        config, mode, **{**arguments, **ARRANGEMENTS[peer]}
    )
  from manloc_jax.benchmarks import torch_peer  # PyTorch may not be there.

  return torch_peer.make_step(
      config,
      mode,
      channels_last=peer != 'torch',
      compiled=peer == 'torch-compile',
      precision=arguments['precision'],
  )


def summarize(
    times: command.Times,
    flops: dict[str, float],
    batch_size: int,
) -> dict[str, Any]:
  """Returns ratios, speeds and fractions of the peak.

  Args:
    times: By candidate; `OURS`, `PEAK`, peers and parts.
    flops: Of a patch, by part.
    batch_size: Patches.
  """
  ours = times[OURS]
  side = candidates.peak_side(jax.default_backend())
  peak = interleaved.Times(
      [s / (2 * side**3) for s in times[PEAK].seconds], 0, 0
  )
  fraction = lambda t, count: interleaved.ratio(
      interleaved.Times(
          [s / (count * batch_size) for s in t.seconds], 0, 0
      ),
      peak,
  )
  peers = [name for name in times if name in PEERS]
  parts = {
      part: {
          **times[part].summary(),
          'share_of_step': 1 / interleaved.ratio(times[part], ours)['median'],
          'gflop_per_patch': flops[part] / 1e9,
          'share_of_peak': fraction(times[part], flops[part])['median'],
      }
      for part in workload.PARTS
      if part in times
  }
  return {
      **command.compare(
          {name: times[name] for name in (OURS, *peers)}, batch_size
      ),
      'share_of_peak': fraction(ours, sum(flops.values()))['median'],
      'gflop_per_patch': sum(flops.values()) / 1e9,
      'peak_gflop_per_s': 1 / np.median(peak.seconds) / 1e9,
      'parts': parts,
  }


def lines(result: dict[str, Any]) -> list[str]:
  """Renders a result for a terminal."""
  what = f'{result["mode"]}, batch {result["batch_size"]}'
  out = [f'{what}, {result["precision"]}, {result["device"]}']
  out += command.lines(result)
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
  sys.exit(flag_commands.run(main))
