"""`manloc localize` on a folder of photographs, by a network of no training."""

import json

import pytest
import small
import trees

from manloc_jax import cli


@pytest.fixture(scope='session')
def untrained(tmp_path_factory):
  """The folder of a run of the network."""
  return small.untrained_run(tmp_path_factory.mktemp('run'), scale=2.0)


@pytest.fixture
def photographs(tmp_path):
  """A folder of three images, two of them in a folder of their own."""
  folder = tmp_path / 'photographs'
  for i, name in enumerate(('a.png', 'below/b.jpg', 'below/c.png')):
    trees.save(folder / name, trees.photograph(i, (70 + 20 * i, 100)))
  return folder


@pytest.fixture
def localize(untrained, tmp_path, capsys):
  """Runs the command; returns exit code, records and standard error."""

  def run(*paths, **options):
    options = {'workdir': untrained, 'out': tmp_path / 'out', **options}
    flags = [
        f'--{key}={value}'
        for key, value in options.items()
        if value is not None
    ]
    code = cli.main(['localize', *map(str, paths), *flags])
    printed = capsys.readouterr()
    return code, [*map(json.loads, printed.out.splitlines())], printed.err

  return run
