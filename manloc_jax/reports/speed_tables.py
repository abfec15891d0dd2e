"""Makes tables of benchmarks, in Markdown."""

from collections.abc import Mapping, Sequence

TORCH = {
    'torch': 'PyTorch eager',
    'torch-channels-last': 'PyTorch, channels last',
    'torch-compile': 'PyTorch compiled',
}
ARRANGEMENTS = {
    'plain': 'all plain Linen',
    'plain-lstm': 'plain LSTM',
    'plain-convolutions': 'plain convolutions',
    'unchunked': 'no microbatches',
}


def step_table(results: Sequence[dict], peers: Mapping[str, str]) -> str:
  """Makes a table of train steps and forward passes, a row for each result.

  Args:
    results: JSON of `benchmarks.train_step`; those without these peers are
      left out.
    peers: Title of each peer, such as `TORCH`.

  Returns:
    Markdown: our speed, and how many times that of each peer it is, with the
    least and the most of a round.
  """
  lines = [
      '| | Batch | Filters | Precision | Allocator | Patches/s |'
      + ' Fraction of peak |'
      + ''.join(f' Times {title} |' for title in peers.values()),
      '|' + '---|' * (7 + len(peers)),
  ]
  for result in sorted(results, key=_order):
    if not peers.keys() & result['ratios'].keys():
      continue
    model = result['model']
    cells = [
        result['mode'],
        str(result['batch_size']),
        f'{model["conv3_filters"]}, {model["conv4_filters"]}',
        result['precision'],
        'tuned' if result['tuned_allocator'] else 'default',
        f'{result["patches_per_s"]:.0f}',
        f'{result["share_of_peak"]:.0%}',
        *(_ratio(result['ratios'].get(peer)) for peer in peers),
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
