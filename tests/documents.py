"""Reads the documents: their links, code blocks and commands."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]
# How these commands begin.
MAIN = 'python -m manloc_jax.main '
BENCHMARK = 'python -m manloc_jax.benchmarks.'
DOCUMENTS = sorted(
    [
        *ROOT.glob('*.md'),
        *(ROOT / 'docs').rglob('*.md'),
        ROOT / 'manloc_jax' / 'pretrained' / 'MODEL_CARD.md',
    ]
)


def read_blocks(language: str) -> list[tuple[str, str]]:
  """Returns the fenced blocks of a language, with the document of each."""
  return [
      (path.name, block)
      for path in DOCUMENTS
      for block in re.findall(
          rf'^```{language}\n(.*?)^```', path.read_text(), re.DOTALL | re.M
      )
  ]


def read_commands() -> list[str]:
  """Returns each shell command once, on one line and without comments."""
  commands: dict[str, None] = {}
  for _, block in read_blocks('sh'):
    for line in re.sub(r'\\\n\s*', '', block).splitlines():
      command = re.sub(r'(^|\s+)#.*', '', line)
      if command:
        commands[re.sub(r'\s+', ' ', command)] = None
  return list(commands)


def read_inline() -> list[str]:
  """Returns what stands in backquotes, outside of blocks.

  The changelog is left out: it names what there was.
  """
  return [
      code
      for path in DOCUMENTS
      if path.name != 'CHANGELOG.md'
      for code in re.findall(
          r'`([^`\n]+)`',
          re.sub(r'^```.*?^```', '', path.read_text(), flags=re.S | re.M),
      )
  ]


def read_links() -> list[tuple[pathlib.Path, str]]:
  """Returns every link to a file or a heading, with its document."""
  return [
      (path, target)
      for path in DOCUMENTS
      for target in re.findall(r'\]\(([^)\s]+)\)', path.read_text())
      if not re.match(r'[a-z]+:', target)
  ]


def read_headings(path: pathlib.Path) -> set[str]:
  """Returns the anchors that GitHub gives the headings of a document."""
  titles = re.findall(r'^#+ (.+)$', path.read_text(), re.M)
  return {re.sub(r'[^\w\- ]', '', t.lower()).replace(' ', '-') for t in titles}
