"""The paper's LSTM-64h (Table 3), made to learn on a CPU.

The demo and CASIA v1 start from here; each change of a default says why.
"""

import ml_collections

from configs import default


def get_config() -> ml_collections.ConfigDict:
  """Returns a network that learns from some ten thousand patches."""
  config = default.get_config()
  config.system = 'lstm-64h'
  config.batch_size = 32

  # The full network trains on a fifth as many patches in the same time.
  config.model.lstm_hidden = (64, 64, 64)
  config.model.conv2_filters = 4  # The paper keeps one and allows for more.
  config.model.conv3_filters = 8
  config.model.conv4_filters = 8
  config.model.head = 'mean'  # Gradients reach every block directly.
  config.model.conv_init = 'residual'  # Filters that respond to traces.

  config.optim.warmup_steps = 100
  config.optim.final_fraction = 0.01
  config.optim.clip_norm = 1.0

  config.train.symmetries = True
  config.train.patience_evals = 0  # The cosine needs all of its steps.
  return config
