"""Every test runs on four CPU devices with strict numerics."""

import os
import pathlib
import tempfile

import cv2
import jax
import pytest

from manloc_jax.data import forge

# Before any array exists: the backend reads these once.
jax.config.update('jax_platforms', 'cpu')
jax.config.update('jax_num_cpu_devices', 4)
jax.config.update('jax_numpy_rank_promotion', 'raise')
jax.config.update('jax_disable_most_optimizations', True)  # Compile faster.
# Many tests build the same step: compile it once. All processes of a run share
# the folder, and so do runs for which the environment names one.
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  _CACHE = tempfile.TemporaryDirectory(prefix='manloc-xla-')
  os.environ['JAX_COMPILATION_CACHE_DIR'] = _CACHE.name
jax.config.update(
    'jax_compilation_cache_dir', os.environ['JAX_COMPILATION_CACHE_DIR']
)
jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.0)


# Files that take minutes begin first: then both processes of launch/test.sh end
# at about the same time.
_LONGEST = (
    'test_training_processes.py',
    'test_training_kill.py',
    'test_docs_site.py',
    'test_launch_notebook.py',
    'test_data_ray_pool.py',
)


def pytest_collection_modifyitems(items):
  items.sort(key=lambda item: item.path.name not in _LONGEST)


@pytest.fixture(scope='session')
def test_data() -> pathlib.Path:
  """Folder of real photographs and forgeries, which are not committed."""
  folder = os.environ.get('MANLOC_TEST_DATA')
  if not folder:
    pytest.skip('MANLOC_TEST_DATA is unset: no real images to test with.')
  return pathlib.Path(folder)

from forged_trees import packaged  # noqa: E402, F401
from localizing import localize  # noqa: E402, F401
from localizing import photographs  # noqa: E402, F401
from localizing import untrained  # noqa: E402, F401
from ramp import analyse  # noqa: E402, F401
from specimens import opened  # noqa: E402, F401
from studies import members  # noqa: E402, F401
from wheels import package  # noqa: E402, F401


@pytest.fixture(scope='session')
def landscape():
  """A photograph that comes with the package, uint8[300, 451, 3]."""
  pixels = cv2.resize(
      forge.packaged()[4], (451, 300), interpolation=cv2.INTER_AREA
  )
  pixels.flags.writeable = False
  return pixels
