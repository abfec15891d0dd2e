r"""Embedded demo: plain forgeries of packaged photographs, no download.

  python -m manloc_jax.main --config=configs/demo.py

Takes a few minutes on two CPU cores. The network is a small one, see
configs/small.py. Its scores, with their standard deviation over seeds, are in
manloc_jax/results/demo.json and docs/results.md; they say that the code learns,
and nothing about forgeries in the wild.
"""

import ml_collections

from configs import small


def get_config() -> ml_collections.ConfigDict:
  """Returns the config of the demo."""
  config = small.get_config()
  config.num_steps = 1000
  config.optim.learning_rate = 4e-3
  config.data.name = 'demo'
  config.data.root = 'data/demo'
  config.data.split_rule = 'given'  # Photographs are assigned in demo.py.
  config.train.eval_every_steps = 250
  config.train.checkpoint_every_steps = 125
  return config
