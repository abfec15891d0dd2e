"""The wheel alone does the work, in a folder without the repository."""

import http.client
import json
import os
import subprocess
import sys

import documents
import pages
from PIL import Image
import pytest
import trees

ROOT = documents.ROOT
pytestmark = pytest.mark.slow


@pytest.fixture
def run(package, tmp_path):
  """Runs Python beside a photograph, with the wheel's package."""
  Image.fromarray(trees.photograph(0)).save(tmp_path / 'photo.jpg')

  def run(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={**os.environ, 'PYTHONPATH': str(package)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  return run


def test_the_wheel_holds_every_file_that_is_no_picture(package):
  suffixes = {'.py', '.json', '.safetensors', '.html', '.css', '.js', '.svg'}
  files = [
      path.relative_to(ROOT)
      for path in (ROOT / 'manloc_jax').rglob('*')
      if path.suffix in suffixes | {'.md', '.typed'}
  ]
  assert len(files) > 200
  assert [path for path in files if not (package / path).is_file()] == []


def test_the_wheel_holds_the_configs_in_the_package_alone(package):
  inside = sorted(p.name for p in (package / 'manloc_jax/configs').iterdir())
  assert inside == sorted(p.name for p in (ROOT / 'configs').glob('*.py'))
  folders = {p.name for p in package.iterdir() if p.suffix != '.dist-info'}
  assert folders == {'manloc_jax'}


def test_photographs_are_localized_and_examined(run, package, tmp_path):
  where = run('-c', 'import manloc_jax; print(manloc_jax.__file__)')
  assert where.strip() == str(package / 'manloc_jax' / '__init__.py')
  run('-m', 'manloc_jax.cli', 'localize', 'photo.jpg', '--out=maps')
  record = json.loads((tmp_path / 'maps' / 'photo.jpg.json').read_text())
  assert 0 <= record['image_score'] <= 1
  run('-m', 'manloc_jax.cli', 'examine', 'photo.jpg', '--out=reports')
  report = tmp_path / 'reports' / 'photo.jpg.report.html'
  assert '</html>' in report.read_text()


def test_its_configs_are_known_by_their_names(run):
  listed = run('-m', 'manloc_jax.cli', 'sweep', 'casia', '--list')
  assert '--config=configs/ablation.py:casia/fcn' in listed


def test_the_page_is_served(package, tmp_path):
  for name in ('starlette', 'uvicorn'):
    pytest.importorskip(name, reason='The extra serve is not installed.')
  server = pages.Server(tmp_path, package=package)
  try:
    connection = http.client.HTTPConnection(server.host, timeout=pages.WAIT)
    connection.request('GET', '/')
    answer = connection.getresponse()
    assert answer.status == 200 and b'<title>' in answer.read()
  finally:
    server.stop()


def test_localizing_loads_neither_tensorflow_nor_the_training_loop(run):
  loaded = run(
      '-c',
      'import sys, manloc_jax\n'
      'from manloc_jax.data import images\n'
      'for method in ("fusion", "network"):\n'
      '  localizer = manloc_jax.load_localizer(method)\n'
      '  localizer.localize("photo.jpg", images.read_image("photo.jpg"))\n'
      'print(*sys.modules)',
  ).split()
  assert 'jax' in loaded
  unwanted = {'sklearn', 'tensorflow', 'tensorflow_datasets'}
  assert not {*unwanted, 'manloc_jax.training.train'} & {*loaded}
