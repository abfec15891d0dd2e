r"""IEEE IFS-TC, phase 1: joint patch classification and mask segmentation.

  python -m manloc_jax.main --config=configs/ifs.py \
      --config.data.root=<folder that holds training/{fake,pristine}>

Only the 450 forged images are used, as they have masks; with
--config.data.use_pristine the 1050 pristine ones give patches too. All fields
are the defaults; no result of this configuration is committed, since the images
are not at hand.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns the config for the challenge's training data."""
  config = default.get_config()
  # Trained from scratch: the paper names fine-tuning for COVERAGE only.
  config.data.name = 'ifs'
  return config
