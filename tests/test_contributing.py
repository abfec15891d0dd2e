"""The examples of CONTRIBUTING.md, added to a copy of the code and used."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import cv2
import pytest
import trees

ROOT = pathlib.Path(__file__).parents[1]
TEXT = (ROOT / 'CONTRIBUTING.md').read_text()
MOST_LINES = 20


def read_examples() -> dict[tuple[str, str], str]:
  """Returns the code blocks under comments, by kind and file."""
  blocks = re.findall(
      r'<!-- (file|entry of SYSTEMS): (\S+) -->\n```python\n(.*?)```',
      TEXT,
      re.DOTALL,
  )
  return {(kind, file): code for kind, file, code in blocks}


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
  """A copy of the code, with what CONTRIBUTING.md adds."""
  root = tmp_path_factory.mktemp('checkout')
  ignored = shutil.ignore_patterns('__pycache__', 'results', '*.safetensors')
  for folder in ('manloc_jax', 'configs'):
    shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
  for (kind, name), code in read_examples().items():
    path = root / name
    if kind == 'file':
      assert not path.exists(), f'{name} is there already'
      path.write_text(code)
    else:
      head, mark, rest = path.read_text().partition('SYSTEMS = {\n')
      assert mark
      path.write_text(head + mark + code + rest)
  return root


@pytest.fixture
def run(checkout, tmp_path):
  """Runs Python with the copy; returns its output."""

  def run(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, 'PYTHONPATH': str(checkout)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  return run


def test_each_takes_one_file_and_few_lines():
  examples = read_examples()
  assert len(examples) == 3
  for (_, name), code in examples.items():
    assert len(code.splitlines()) <= MOST_LINES, name


def test_examples_are_clean(checkout):
  files = [str(checkout / name) for _, name in read_examples()]
  config = f'--config={ROOT / "pyproject.toml"}'
  command = [sys.executable, '-m', 'ruff', 'check', config, *files]
  done = subprocess.run(command, capture_output=True, text=True)
  assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_a_dataset_is_audited_and_prepared(run, tmp_path):
  root = tmp_path / 'rooms'
  for folder in ('forged', 'masks'):
    (root / folder).mkdir(parents=True)
  for i in range(8):
    image, mask = trees.photograph(i), trees.region(i) * 255
    cv2.imwrite(str(root / 'forged' / f'{i}.png'), image)
    cv2.imwrite(str(root / 'masks' / f'{i}.png'), mask)
  command = ('-m', 'manloc_jax.cli')
  assert 'WRONG' not in run(*command, 'audit', 'rooms', str(root))
  out = run(*command, 'prepare', 'rooms', str(root), '--out', str(tmp_path))
  manifest = json.loads(
      (pathlib.Path(out.split()[-1]) / 'manifest.json').read_text()
  )
  assert manifest['dataset'] == 'rooms'
  assert manifest['splits']['train']['num_patches'] > 0


@pytest.mark.slow
def test_a_system_is_listed_and_trained(run, checkout):
  study = f'--study={checkout / "configs" / "ablation.py"}'
  listed = run('-m', 'manloc_jax.cli', 'sweep', 'demo', '--list', study)
  assert 'demo/conv2-4f' in listed
  code = """
import jax
import numpy as np
from configs import ablation
from manloc_jax import models
from manloc_jax.data import compression
from manloc_jax.training import sharding, state, steps

config = ablation.get_config('demo/conv2-4f')
assert config.system == 'conv2-4f' and config.model.conv2_filters == 4
model = models.make(config)
tx, _ = state.make_optimizer(**config.optim, num_steps=1)
mesh = sharding.make_mesh(jax.devices()[:1])
new = state.create(model, tx, 64, jax.random.key(0))
new = jax.device_put(new, sharding.replicated(mesh))
batch = {
    'image': np.zeros((2, 64, 64, 3), np.uint8),
    'mask': np.zeros((2, 64, 64), np.uint8),
    'label': np.zeros(2, np.int32),
    'weight': np.ones(2, np.float32),
    'compression': np.tile(compression.NONE, (2, 1, 1, 1)),
    'image_index': np.zeros(2, np.int32),
}
step = steps.make_train_step(model, tx, mesh)
trained, scalars = step(new, sharding.put_batch(batch, mesh))
print(int(trained.step), float(scalars['total']))
"""
  step, loss = run('-c', code).split()
  assert step == '1' and float(loss) > 0


def test_a_classical_method_makes_maps(run, tmp_path):
  photo = tmp_path / 'photo.png'
  cv2.imwrite(str(photo), trees.photograph(0))
  command = ('-m', 'manloc_jax.cli', 'localize')
  assert 'variance' in run(*command, '--help')
  record = json.loads(run(*command, str(photo), '--method=variance'))
  assert record['method'] == 'variance'
  assert (tmp_path / 'localized' / record['files']['heat']).exists()
