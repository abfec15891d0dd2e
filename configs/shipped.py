r"""The network whose weights come with the package, trained on forgeries.

  manloc forge PHOTOGRAPHS --out=data/forged --count=3000 --size=256,512 \
      --fractions=0.86,0.06,0.08 --seed=7
  python -m manloc_jax.main --config=configs/shipped.py \
      --config.data.root=data/forged --workdir=runs/shipped
  manloc export runs/shipped --out=network.safetensors

It is the small network of configs/small.py, with conv1 and conv2 on residuals,
beside what configs/ladder.py found to matter: JPEG coefficients and their odds.
Only 64x64 windows and one table of the whole image are read. Between this input
and the one without conv1 and conv2 the validation forgeries chose.
"""

import ml_collections

from configs import small


def get_config() -> ml_collections.ConfigDict:
  """Returns the config of the packaged network."""
  config = small.get_config()
  config.system = 'shipped'
  config.num_steps = 5000
  config.optim.learning_rate = 2e-3
  config.model.lstm_input = 'conv+dct+odds'
  config.model.conv1_input = 'residual'
  config.model.conv_init = 'glorot'  # Residuals have no content to remove.
  config.data.name = 'synthetic'
  config.data.split_rule = 'given'  # Splits share no photograph.
  config.data.sampler.sources = ('window',)
  config.data.sampler.window_grid = 8  # JPEG's.
  config.data.sampler.max_per_image = 64
  config.train.eval_every_steps = 1000
  config.eval.splits = ('test', 'test_grid', 'test_images')
  return config
