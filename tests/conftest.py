"""Every test runs on four CPU devices with strict numerics."""

import os
import pathlib

import jax
import pytest

# Before any array exists: the backend reads these once.
jax.config.update('jax_platforms', 'cpu')
jax.config.update('jax_num_cpu_devices', 4)
jax.config.update('jax_numpy_rank_promotion', 'raise')
jax.config.update('jax_disable_most_optimizations', True)  # Compile faster.


@pytest.fixture(scope='session')
def test_data() -> pathlib.Path:
  """Folder of real photographs and forgeries, which are not committed."""
  folder = os.environ.get('MANLOC_TEST_DATA')
  if not folder:
    pytest.skip('MANLOC_TEST_DATA is unset: no real images to test with.')
  return pathlib.Path(folder)
