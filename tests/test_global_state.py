"""Importing the package changes nothing of other packages or the process."""

import json
import subprocess
import sys

import pytest

import manloc_jax

_PROGRAM = """
import json, logging, os, pkgutil, sys, threading, warnings
import absl.flags, cv2, jax, matplotlib, numpy, PIL.Image
{preparation}
def state():
  return {{
      'environment': dict(os.environ),
      'filters': [str(one) for one in warnings.filters],
      'pixels': PIL.Image.MAX_IMAGE_PIXELS,
      'HEIC': 'HEIF' in PIL.Image.OPEN,
      'truncated': PIL.ImageFile.LOAD_TRUNCATED_IMAGES,
      'threads of OpenCV': cv2.getNumThreads(),
      'jax': {{k: str(v) for k, v in jax.config.values.items()}},
      'matplotlib': str(dict.__getitem__(matplotlib.rcParams, 'backend')),
      'errors of NumPy': str(numpy.geterr()),
      'log': [logging.root.level, str(logging.root.handlers)],
      'recursion': sys.getrecursionlimit(),
  }}

import PIL.ImageFile
before = state()
import manloc_jax
names = [
    one.name
    for one in pkgutil.walk_packages(manloc_jax.__path__, 'manloc_jax.')
]
for name in names:
  try:
    __import__(name)
  except ModuleNotFoundError as error:  # Of an extra that is not installed.
    if error.name.startswith('manloc_jax'):
      raise
  except absl.flags.DuplicateFlagError:  # A process runs one program.
    pass
after = state()
print(json.dumps([len(names), before, after]))
"""


@pytest.fixture(scope='module')
def states():
  # What the packages that we use do when they are imported is theirs.
  preparation = 'import orbax.checkpoint, tensorflow, tensorflow_datasets\n'
  program = _PROGRAM.format(preparation=preparation)
  root = manloc_jax.__path__[0].rpartition('/')[0]
  run = subprocess.run(
      [sys.executable, '-c', program],
      capture_output=True,
      text=True,
      cwd=root,
  )
  assert run.returncode == 0, run.stderr
  return json.loads(run.stdout.splitlines()[-1])


def test_every_module_is_imported(states):
  assert states[0] > 100


def test_nothing_is_changed(states):
  _, before, after = states
  assert before == after
