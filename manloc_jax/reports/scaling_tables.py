"""Computes from measured parts how training and localization would scale.

What was measured are the files of `benchmarks`; sizes, speeds of links and
prices are those of `results/scaling.json`, each with its source. All else is
arithmetic, which stands here and in `docs/scaling.md`.
"""

from collections.abc import Mapping, Sequence
import math
import pathlib
from typing import Any

from manloc_jax import files
from manloc_jax.reports import typeset

_GPUS = (1, 8, 64, 512)
_CORES = (8, 64, 512, 4096)
_IMAGES = 1e6
_SIDES = (1, 12)  # Megapixels of an image.
_CLASSICAL_MEGAPIXELS = 1  # Of the measured images nearest to this.
_PER_PATCH_BYTES = 64 * 64 * (3 + 1) + 8 * 8 * 34  # Image, mask, compression.

Result = Mapping[str, Any]


def tables(
    facts_file: pathlib.Path, folder: pathlib.Path
) -> list[typeset.Table]:
  """Makes all tables.

  Args:
    facts_file: `results/scaling.json`.
    folder: Of benchmarks, with a folder `cpu` and one for each GPU.
  """
  facts = files.read_json(facts_file)
  paths = sorted(folder.glob('*/*.json'))
  cpu = [files.read_json(x) for x in paths if x.parent.name == 'cpu']
  gpu = [files.read_json(x) for x in paths if x.parent.name != 'cpu']
  return [
      training(facts, cpu, gpu),
      fixed_batch(facts, cpu, gpu),
      localization(facts, cpu),
  ]


def reduce_ms(facts: Result, gpus: int, network: Result) -> float:
  """Returns how long the sum of all gradients takes, in milliseconds.

  Within a node a ring over its GPUs scatters the sums and gathers them again;
  between these, each GPU sums its part with those of the other nodes by a tree.

  Args:
    facts: The content of `results/scaling.json`.
    gpus: How many there are in all.
    network: One of its `networks`.
  """
  if gpus == 1:
    return 0.0
  gigabytes = gradient_bytes(facts) / 1e9
  latency, inside = facts['latency_us'], min(gpus, facts['gpus_per_node'])
  nodes = gpus // inside
  steps_us = 2 * (inside - 1) * latency['nvlink_step']
  steps_us += 2 * math.log2(nodes) * latency['network_step']
  nvlink_s = 2 * (inside - 1) / inside * gigabytes
  nvlink_s /= facts['nvlink']['gigabytes_per_s']
  network_s = 2 * (nodes - 1) / nodes * gigabytes / inside
  network_s /= network['gigabytes_per_s']
  return (latency['start'] + steps_us) / 1e3 + 1e3 * (nvlink_s + network_s)


def gradient_bytes(facts: Result) -> int:
  """Returns the bytes of the gradients of all parameters."""
  return facts['parameters'] * facts['bytes_per_parameter']


def training(
    facts: Result, cpu: Sequence[Result], gpu: Sequence[Result]
) -> typeset.Table:
  """Makes the table of a training step by the number of GPUs.

  Args:
    facts: The content of `results/scaling.json`.
    cpu: Results of benchmarks on a CPU.
    gpu: Those on a GPU.
  """
  step, note = _step(cpu, gpu)
  networks = facts['networks']
  patches = step['batch_size']
  header = ['GPUs', 'Patches in a batch', 'Gradients alone, ms']
  header += [f'{network["name"]}: step, ms' for network in networks]
  header += ['Efficiency', 'Patches/s', 'Reads, GB/s', 'USD/billion patches']
  rows = []
  for gpus in _GPUS:
    sums = [reduce_ms(facts, gpus, network) for network in networks]
    whole = [step['milliseconds'] + each for each in sums]
    rate = 1e3 * gpus * patches / whole[0]
    rows.append((
        f'{gpus}',
        f'{gpus * patches}',
        ' / '.join(f'{each:.2f}' for each in sums),
        *(f'{each:.2f}' for each in whole),
        ' / '.join(f'{step["milliseconds"] / each:.0%}' for each in whole),
        f'{rate:,.0f}',
        f'{rate * _PER_PATCH_BYTES / 1e9:.1f}',
        f'{1e9 * gpus / rate / 3600 * facts["prices"]["gpu_hour_usd"]:,.0f}',
    ))
  described = [facts['nvlink'], facts['latency_us'], *networks]
  sources = [each['source'] for each in described]
  sources.append(facts['prices']['gpu_source'])
  return typeset.Table(
      'scaling-training',
      f'A training step at {patches} patches for each GPU, {step["device"]}',
      tuple(header),
      tuple(rows),
      notes=(
          note,
          _input_note(cpu, patches / step['milliseconds'] * 1e3),
          f'The gradients of {facts["parameters"]:,} parameters have'
          f' {gradient_bytes(facts) / 1e6:.1f} MB. Two figures in a cell are'
          ' those of the two networks; all columns after them are of the'
          ' first.',
          f'Sources: {"; ".join(sources)}.',
      ),
  )


def fixed_batch(
    facts: Result,
    cpu: Sequence[Result],
    gpu: Sequence[Result],
    total: int = 4096,
) -> typeset.Table:
  """Makes the table of a step whose global batch stays the same.

  Args:
    facts: As of `training`, and so are the next two.
    cpu: The same.
    gpu: The same.
    total: Patches of the global batch.
  """
  step, _ = _step(cpu, gpu)
  rows = []
  for gpus in _GPUS:
    own = total / gpus * step['milliseconds'] / step['batch_size']
    whole = [own + reduce_ms(facts, gpus, x) for x in facts['networks']]
    first = total * step['milliseconds'] / step['batch_size']
    rows.append((
        f'{gpus}',
        f'{total // gpus}',
        f'{own:.2f}',
        ' / '.join(f'{each:.2f}' for each in whole),
        ' / '.join(f'{first / gpus / each:.0%}' for each in whole),
    ))
  return typeset.Table(
      'scaling-fixed-batch',
      f'A training step at {total} patches over all GPUs',
      ('GPUs', 'Patches of each', 'Alone, ms', 'Step, ms', 'Efficiency'),
      tuple(rows),
      notes=(
          'An upper bound: time is taken to be proportional to the patches of'
          ' a GPU, and small batches take longer than that.',
      ),
  )


def localization(facts: Result, cpu: Sequence[Result]) -> typeset.Table:
  """Makes the table of images per second by cores, and of their cost.

  Args:
    facts: The content of `results/scaling.json`.
    cpu: Results of benchmarks on a CPU.
  """
  engines = _only(cpu, 'engines')
  reading = engines['files_seconds_per_megapixel']
  most = engines['tasks_per_s']['ray']['median']
  price = facts['prices']['core_hour_usd']
  rows = []
  for name, own in _core_seconds(cpu).items():
    seconds = own + reading
    rates = [min(cores / seconds, most) for cores in _CORES]
    costs = [_IMAGES * side * seconds / 3600 * price for side in _SIDES]
    rows.append((
        name,
        f'{own:.2f}',
        *(f'{rate:,.0f}' for rate in rates),
        f'{seconds * most:,.0f}',
        *(f'{cost:,.0f}' for cost in costs),
    ))
  return typeset.Table(
      'scaling-localization',
      'Images of one megapixel (MP) a second, by cores of a Ray cluster',
      (
          'Method',
          'Core-seconds/MP',
          *(f'{cores} cores' for cores in _CORES),
          'Stops at, cores',
          *(f'USD a million of {side} MP' for side in _SIDES),
      ),
      tuple(rows),
      notes=(
          f'Each image takes another {reading:.2f} core-seconds a megapixel to'
          ' be read and its results to be written. One command hands out'
          f' {most:.0f} tasks a second, which no number of cores exceeds. Of'
          ' images of 12 megapixels each core does a twelfth as many.',
          'To list the images takes'
          f' {engines["listing_bytes_per_image"] / 1e3:.1f} kB of memory for'
          ' each on the machine of the command.',
          f'A core costs {price} USD an hour: {facts["prices"]["core_source"]}.'
          ' Other prices change the last columns in proportion.',
      ),
  )


def _step(
    cpu: Sequence[Result], gpu: Sequence[Result]
) -> tuple[dict[str, Any], str]:
  """Returns the training step of a GPU, and a note on where it is from.

  Where only its forward pass was measured, the step is estimated with the ratio
  of both on a CPU.
  """
  steps = [x for x in gpu if x['benchmark'] == 'train_step']
  measured = max(
      (x for x in steps if x['mode'] == 'train'),
      key=lambda x: x['patches_per_s'],
      default=None,
  )
  if measured:
    own = measured['contestants']['manloc_jax']['milliseconds']
    note = f'The step was measured: {own:.2f} ms.'
  else:
    measured = max(
        (x for x in steps if x['mode'] == 'forward'),
        key=lambda x: x['patches_per_s'],
    )
    forward = measured['contestants']['manloc_jax']['milliseconds']
    ratio = _train_over_forward(cpu, measured['model'])
    own = ratio * forward
    note = (
        f'The step is estimated: the forward pass took {forward:.2f} ms on the'
        f' GPU, and training takes {ratio:.2f} times as long as that on the'
        ' CPU.'
    )
  return {
      'milliseconds': own,
      'batch_size': measured['batch_size'],
      'device': f'{measured["device"]}, {measured["precision"]}',
  }, note


def _input_note(cpu: Sequence[Result], rate: float) -> str:
  """Says how many cores of a host read what one GPU takes.

  Args:
    cpu: Results of benchmarks on a CPU.
    rate: Patches a second that a GPU takes.
  """
  pipeline = _only(cpu, 'pipeline')
  cores = _cores(pipeline)
  return (
      f'The input pipeline read {pipeline["patches_per_s"]:,.0f} patches a'
      f' second with {cores} cores: each GPU needs'
      f' {rate * cores / pipeline["patches_per_s"]:.1f} cores of its host.'
  )


def _cores(result: Result) -> int:
  """Returns the cores of the machine of a result."""
  return int(result['device'].rsplit(', ', 1)[1].split()[0])


def _train_over_forward(cpu: Sequence[Result], model: Result) -> float:
  """Returns how many times a forward pass a training step takes on a CPU."""
  rates = {
      x['mode']: x['patches_per_s']
      for x in cpu
      if x['benchmark'] == 'train_step'
      and 'torch' in x['ratios']
      and x['model']['conv3_filters'] == model['conv3_filters']
      and x['batch_size'] == 64
      and not x['tuned_allocator']
  }
  return rates['forward'] / rates['train']


def _core_seconds(cpu: Sequence[Result]) -> dict[str, float]:
  """Returns the core-seconds that each method takes for a megapixel."""
  rows = _only(cpu, 'classical')['rows']
  found = {
      row['name']: row['seconds_per_megapixel']
      for row in rows
      if round(row['megapixels']) == _CLASSICAL_MEGAPIXELS
      and not row['name'].startswith('pyIFD')
  }
  whole = _only(cpu, 'localize')
  per_megapixel = _cores(whole) / whole['megapixels']
  network = whole['extrapolated_seconds']['manloc_jax']
  return {
      'fusion': whole['fusion']['seconds'] * per_megapixel,
      'network': network * per_megapixel,
      **found,
  }


def _only(results: Sequence[Result], benchmark: str) -> Result:
  (result,) = [x for x in results if x['benchmark'] == benchmark]
  return result
