"""Tables of benchmarks in Markdown."""

from collections.abc import Sequence

_PEERS = {
    'torch': 'PyTorch eager',
    'torch-channels-last': 'PyTorch, channels last',
    'torch-compile': 'PyTorch compiled',
    'plain': 'plain Linen',
}


def step_table(results: Sequence[dict]) -> str:
  """Makes a table of train steps and forward passes, a row for each result.

  Args:
    results: JSON of `benchmarks.train_step`.

  Returns:
    Markdown: our speed, and how many times that of each peer it is, with the
    least and the most of a round.
  """
  lines = [
      '| | Batch | Filters | Precision | Allocator | Patches/s |'
      + ' Share of peak |'
      + ''.join(f' Times {title} |' for title in _PEERS.values()),
      '|' + '---|' * (7 + len(_PEERS)),
  ]
  for result in sorted(results, key=_order):
    model = result['model']
    cells = [
        result['mode'],
        str(result['batch_size']),
        f'{model["conv3_filters"]}, {model["conv4_filters"]}',
        result['precision'],
        'tuned' if result['tuned_allocator'] else 'default',
        f'{result["patches_per_s"]:.0f}',
        f'{result["share_of_peak"]:.0%}',
        *(_ratio(result['ratios'].get(peer)) for peer in _PEERS),
    ]
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def _order(result: dict) -> tuple:
  return (
      result['model']['conv3_filters'],
      result['mode'] != 'train',
      result['precision'],
      result['tuned_allocator'],
      result['batch_size'],
  )


def _ratio(ratio: dict | None) -> str:
  if ratio is None:
    return '–'
  return f'{ratio["median"]:.2f} ({ratio["least"]:.2f} to {ratio["most"]:.2f})'
