"""Changes good files as an attacker or a bad disk would, deterministically."""

from collections.abc import Callable, Iterator
import copy
import json
import pathlib
import random
import time
from typing import Any

from manloc_jax.commands import exit_codes

# In the place of any value of a file of JSON.
ODD = (
    None, True, -1, 0, 3, 0.5, 1e308, 10**12, 10**30, float('nan'),
    float('inf'), '', 'x', 'x' * 5000, '../../etc/passwd', '/dev/zero',
    'a\u202eb\x1b[2J\0', [], {}, [[]], [1, 'a'], {'': None}, [0] * 1000,
)  # fmt: skip
_SECONDS = 120.0  # A test may share its machine.


def deep(depth: int = 500) -> Any:
  value: Any = 0
  for _ in range(depth):
    value = [value]
  return value


def changed_json(
    content: Any, count: int, seed: int
) -> Iterator[tuple[str, str]]:
  """Yields what was changed, and the text of a file with that change."""
  rng = random.Random(seed)
  paths = list(_paths(content))
  for _ in range(count):
    path = rng.choice(paths)
    other = copy.deepcopy(content)
    parent = other
    for key in path[:-1]:
      parent = parent[key]
    if rng.random() < 0.2:
      del parent[path[-1]]
      yield f'without {path}', json.dumps(other)
      continue
    parent[path[-1]] = rng.choice((*ODD, deep()))
    text = json.dumps(parent[path[-1]])[:60]
    yield f'{path} = {text}', json.dumps(other)


def _paths(content: Any, above: tuple = ()) -> Iterator[tuple]:
  items: Any = ()
  if isinstance(content, dict):
    items = content.items()
  elif isinstance(content, list):
    items = enumerate(content[:3])
  for key, value in items:
    yield (*above, key)
    yield from _paths(value, (*above, key))


def changed_bytes(
    content: bytes, count: int, seed: int
) -> Iterator[tuple[str, bytes]]:
  """Yields what was changed, and bytes that are cut, flipped or repeated."""
  rng = random.Random(seed)
  yield 'empty', b''
  for _ in range(count):
    at = rng.randrange(max(len(content), 1))
    match rng.randrange(4):
      case 0:
        yield f'cut at {at}', content[:at]
      case 1:
        flipped = bytearray(content)
        for _ in range(rng.choice((1, 1, 8, 64))):
          flipped[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        yield f'flipped, {at}', bytes(flipped)
      case 2:
        ones = content[:at] + b'\xff' * 8 + content[at + 8 :]
        yield f'ones at {at}', ones
      case 3:
        yield f'repeated at {at}', content[:at] + content[at // 2 :]


def check(
    command: Callable[[], Any], capfd, what: str, folder: pathlib.Path
) -> bool:
  """Runs what may refuse a file; tells whether it did.

  A refusal has the exit code 2, one sentence of at most 300 characters on one
  line of standard error, besides the path, and takes no time. Any other
  exception than those of refusals is raised.
  """

  def run() -> int:
    command()
    return 0

  capfd.readouterr()
  start = time.monotonic()
  try:
    code = exit_codes.run(run, lambda: '')
  except Exception as error:
    raise AssertionError(f'{what}: {type(error).__name__}: {error}') from error
  assert time.monotonic() - start < _SECONDS, what
  said = capfd.readouterr().err
  if code == 0:
    return False
  assert code == exit_codes.IMPOSSIBLE, f'{what}: {code}'
  lines = [line for line in said.splitlines() if not line.startswith('WARN')]
  assert len(lines) == 1, f'{what}: {said}'
  sentence = lines[0].replace(str(folder), '')
  assert 10 < len(sentence) <= 300, f'{what}: {len(sentence)}: {sentence}'
  assert sentence.isprintable() and sentence.endswith('.'), what
  return True
