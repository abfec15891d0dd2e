r"""CASIA v1: joint patch classification and mask segmentation.

  python -m manloc_jax.main --config=configs/casia.py \
      --config.data.root=<folder with Au, Tp and Gt>

"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns the settings for CASIA v1."""
  config = default.get_config()
  config.data.name = 'casia1'
  # Forgeries of one photograph stay on one side, or the test leaks.
  config.data.split_rule = 'group'
  config.data.sampler.stride = 16
  return config
