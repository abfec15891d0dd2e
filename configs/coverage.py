r"""COVERAGE: joint patch classification and mask segmentation.

  python -m manloc_jax.main --config=configs/nist.py --config.data.root=...
  python -m manloc_jax.main --config=configs/coverage.py \
      --config.data.root=<folder that holds image and mask>

The 100 forged images are few: the paper starts from the network that it
trained on NIST16, so the first command comes first; with
`--config.train.init_from=` it starts from scratch. No result of this
configuration is committed, since the images are not at hand.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns the config for COVERAGE."""
  config = default.get_config()
  config.data.name = 'coverage'
  config.train.init_from = 'runs/nist'
  # A tenth of the rate of the run that is fine-tuned. Unstated.
  config.optim.learning_rate /= 10
  return config
