"""Puts generated tables into the documents, between marks."""

import pathlib

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.reports import generated_blocks

ROOT = pathlib.Path(__file__).parents[2]  # Of a checkout, not of a package.
# The documents that have such tables.
DOCUMENTS = tuple(
    ROOT / name
    for name in (
        'README.md',
        'docs/fusion.md',
        'docs/results.md',
        'docs/scaling.md',
        'docs/speed.md',
        'docs/study.md',
        'manloc_jax/pretrained/MODEL_CARD.md',
        'manloc_jax/pretrained/MODEL_CARD_NETWORK.md',
    )
)


def update_all() -> list[pathlib.Path]:
  """Updates every document of a checkout; returns them.

  Raises:
    UserError: This is an installed package, without documents.
  """
  if not all(path.is_file() for path in DOCUMENTS):
    raise errors.UserError(
        f'{str(ROOT)!r} holds no docs/: the documents come with the source;'
        ' run the command from a checkout that is installed with pip -e.'
    )
  for path in DOCUMENTS:
    update(path)
  return list(DOCUMENTS)


def update(path: pathlib.Path) -> None:
  """Replaces the text between the marks of a document.

  Raises:
    UserError: There are no marks, or one is missing.
  """
  text = path.read_text()
  marked = [name for name in generated_blocks.BLOCKS if f'<!-- {name}:' in text]
  for name in marked or generated_blocks.BLOCKS:
    begin, end = f'<!-- {name}:begin -->', f'<!-- {name}:end -->'
    if end not in text.partition(begin)[2]:
      raise errors.UserError(
          f'{str(path)!r} has no line {begin!r} followed by {end!r}; put both'
          f' where the {name} belongs.'
      )
    make = generated_blocks.BLOCKS[name]
    head, rest = text.split(begin, 1)
    tail = rest.split(end, 1)[1]
    text = f'{head}{begin}\n{make()}{end}{tail}'
  files.write_text(path, text)
