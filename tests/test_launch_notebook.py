"""The notebook runs from top to bottom, and its outputs are those of a run."""

import os
import pathlib
import re
import stat
import sys

import documents
import pytest

nbformat = pytest.importorskip('nbformat', reason='Install the extra test.')

PATH = documents.ROOT / 'launch' / 'colab.ipynb'
MOST_BYTES = 500_000
# What the LSTM analysis prints: of what it reads, and of its third layer.
READ = re.compile(r'no memory\): (0\.\d+)\noutput of layer 3: (0\.\d+)')
SECONDS = 900  # For a cell, on a machine that is busy.


@pytest.fixture(scope='module')
def notebook():
  return nbformat.read(PATH, as_version=4)


def _code(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == 'code']


def _printed(notebook) -> str:
  return '\n'.join(
      output.text
      for cell in _code(notebook)
      for output in cell.outputs
      if output.output_type == 'stream'
  )


def _readouts(notebook) -> list[float]:
  (found,) = READ.findall(_printed(notebook))
  return [float(number) for number in found]


def test_the_notebook_is_small_valid_and_for_any_python(notebook):
  nbformat.validate(notebook)
  assert PATH.stat().st_size < MOST_BYTES
  assert notebook.metadata.kernelspec.name == 'python3'
  assert notebook.metadata.kernelspec.display_name == 'Python 3'


def test_outputs_are_those_of_one_run_without_errors(notebook):
  cells = _code(notebook)
  assert [cell.execution_count for cell in cells] == [
      *range(1, len(cells) + 1)
  ]
  silent = [cell.source for cell in cells if not cell.outputs]
  assert len(silent) == 2
  assert '%pip install' in silent[0]  # It was installed.
  assert 'np.save' in silent[1]  # It writes maps.
  kinds = {output.output_type for cell in cells for output in cell.outputs}
  assert kinds == {'stream', 'display_data', 'execute_result'}
  streams = {o.get('name') for cell in cells for o in cell.outputs}
  assert 'stderr' not in streams


def test_no_folder_of_a_machine_is_named(notebook):
  text = '\n'.join(cell.source for cell in notebook.cells)
  text += _printed(notebook)
  for output in (o for cell in _code(notebook) for o in cell.outputs):
    text += output.get('data', {}).get('text/plain', '')
  folders = 'content|home|root|tmp|usr|work'
  assert not re.findall(rf'(?<![\w.])/(?:{folders})\b', text)
  assert str(pathlib.Path.home()) not in text


def test_the_third_layer_tells_what_the_lstm_does_not_read(notebook):
  read, third = _readouts(notebook)
  assert read < 0.55 < third - 0.02


def test_links_lead_to_pages_of_the_repository(notebook):
  text = '\n'.join(cell.source for cell in notebook.cells)
  links = re.findall(r'\]\(([^):]+)\)', text)
  assert links
  for link in links:
    name, _, anchor = link.partition('#')
    assert (PATH.parent / name).is_file(), link
    if anchor:
      assert anchor in documents.read_headings(PATH.parent / name)


@pytest.mark.slow
def test_the_notebook_runs_with_the_wheel_alone(
    notebook, package, tmp_path, monkeypatch
):
  nbclient = pytest.importorskip('nbclient', reason='Install the extra test.')
  pytest.importorskip('ipykernel', reason='Install the extra test.')
  # The command of the wheel, whatever is installed.
  command = tmp_path / 'bin' / 'manloc'
  command.parent.mkdir()
  command.write_text(
      f'#!/bin/sh\nexec {sys.executable} -m manloc_jax.cli "$@"\n'
  )
  command.chmod(command.stat().st_mode | stat.S_IXUSR)
  paths = [str(command.parent), os.environ['PATH']]
  monkeypatch.setenv('PATH', os.pathsep.join(paths))
  monkeypatch.setenv('PYTHONPATH', str(package))
  monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
  monkeypatch.setenv('TMPDIR', str(tmp_path))
  committed = _readouts(notebook)
  fresh = nbformat.read(PATH, as_version=4)
  client = nbclient.NotebookClient(
      fresh,
      timeout=SECONDS,
      kernel_name='python3',
      coalesce_streams=True,
      resources={'metadata': {'path': str(tmp_path)}},
  )
  client.execute()
  # Versions of JPEG encoders and of libraries change the forgeries a little.
  assert _readouts(fresh) == pytest.approx(committed, abs=0.03)
  kinds = lambda notebook: [
      [output.output_type for output in cell.outputs]
      for cell in _code(notebook)
  ]
  assert kinds(fresh) == kinds(notebook)
