r"""Embedded demo: plain forgeries of packaged photographs, no download.

  python -m manloc_jax.main --config=configs/demo.py

The network is the paper's LSTM-64h (Table 3), scaled down to learn within
minutes on two CPU cores, and every change of a default says why.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns the demo's settings."""
  config = default.get_config()
  config.batch_size = 32
  config.num_steps = 1000
  config.data.name = 'demo'
  config.data.root = 'data/demo'
  config.data.split_rule = 'given'  # Photographs are assigned in demo.py.

  config.model.lstm_hidden = (64, 64, 64)  # LSTM-64h of Table 3.
  config.model.conv2_filters = 4  # The paper keeps one and allows for more.
  config.model.conv3_filters = 8
  config.model.conv4_filters = 8
  config.model.head = 'mean'  # Every block has a say: a shorter way back.
  config.model.conv_init = 'residual'  # Starts where the traces are.

  config.optim.learning_rate = 4e-3
  config.optim.warmup_steps = 100
  config.optim.final_fraction = 0.01
  config.optim.clip_norm = 1.0

  config.train.symmetries = True
  config.train.eval_every_steps = 250
  config.train.checkpoint_every_steps = 125
  config.train.patience_evals = 0
  return config
