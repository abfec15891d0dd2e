r"""CASIA v1: joint patch classification and mask segmentation.

  python -m manloc_jax.main --config=configs/casia.py \
      --config.data.root=<folder with Au, Tp and Gt>

Takes about 20 minutes on one CPU core. Scores with their standard deviation
over seeds are in manloc_jax/results/casia.json, the trials that led to this
config in manloc_jax/results/casia_trials.json; docs/results.md shows both.
"""

import ml_collections

from configs import small


def get_config() -> ml_collections.ConfigDict:
  """Returns the config for CASIA v1."""
  config = small.get_config()
  config.num_steps = 7000
  config.optim.learning_rate = 2e-3
  config.data.name = 'casia1'
  # Forgeries of one photograph stay in one split, or the test leaks.
  config.data.split_rule = 'group'
  config.data.sampler.stride = 16  # 449 images are few: more windows.
  return config
