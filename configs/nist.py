r"""NIST Nimble 2016: joint patch classification and mask segmentation.

  python -m manloc_jax.main --config=configs/nist.py \
      --config.data.root=<folder that holds NC2016_Test0601>

NIST hands the images out on request. All fields are the defaults; no result
of this configuration is committed, since the images are not at hand.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns the config for NIST Nimble 2016."""
  config = default.get_config()
  config.data.name = 'nist16'
  return config
