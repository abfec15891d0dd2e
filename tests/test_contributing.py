"""What one adds, by the page that CONTRIBUTING.md sends readers to.

The page is run, and uses what it adds, in test_docs_site.py.
"""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
MOST_LINES = 20


@pytest.fixture(scope='module')
def added() -> dict[str, str]:
  """The files that the page writes, by their path."""
  (page,) = re.findall(r'\[Extend it\]\((\S+)\)', TEXT)
  blocks = re.findall(
      r'```{code-cell} python\n%%writefile (\S+)\n(.*?)```',
      (ROOT / page).read_text(),
      re.DOTALL,
  )
  return dict(blocks)


def test_each_takes_one_file_and_few_lines(added):
  assert len(added) == 3
  for name, code in added.items():
    assert not (ROOT / name).exists(), f'{name} is there already'
    assert len(code.splitlines()) <= MOST_LINES, name


def test_they_lie_where_contributing_says(added):
  folders = re.findall(r'A file in `(\S+)/`', TEXT)
  files = [name for name in added if name.endswith('.py')]
  assert folders == [str(pathlib.Path(name).parent) for name in files]


def test_they_are_clean(added, tmp_path):
  for name, code in added.items():
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
  config = f'--config={ROOT / "pyproject.toml"}'
  command = [sys.executable, '-m', 'ruff', 'check', config, str(tmp_path)]
  done = subprocess.run(command, capture_output=True, text=True)
  assert done.returncode == 0, done.stdout
