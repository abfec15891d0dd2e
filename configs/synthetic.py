r"""Varied forgeries of your own photographs, generated online.

  python -m manloc_jax.main --config=configs/synthetic.py \
      --config.data.photographs=<folder of photographs>

Training generates its forgeries while it runs; validation and test are finite
sets of other photographs. Without a folder, the packaged photographs of the
demo are forged: that shows that it runs, and they are too few to learn from.
Network and learning rate are those of configs/casia.py; nothing was tuned here.
"""

import ml_collections

from configs import small


def get_config() -> ml_collections.ConfigDict:
  """Returns the config of training on forgeries generated online."""
  config = small.get_config()
  config.num_steps = 20_000
  config.optim.learning_rate = 2e-3
  config.data.name = 'synthetic'
  config.data.root = 'data/synthetic'  # Made there; one folder per collection.
  config.data.split_rule = 'given'  # Splits share no photograph.
  config.data.backend = 'online'

  config.data.forge = forge = ml_collections.ConfigDict()
  # Forgeries of train, val and test. Training generates its own; of the first
  # only the mean mask is used, which scores are compared with.
  forge.counts = (100, 100, 250)
  forge.size = (256, 512)  # Least and largest short side in pixels.

  config.data.online = online = ml_collections.ConfigDict()
  online.images_per_group = 64  # Forgeries whose patches are shuffled.
  online.patches_per_image = 16  # Of those, on average.
  online.workers = 2  # Processes that forge.
  return config
