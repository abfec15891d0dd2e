r"""Stand-in for NIST Nimble 2016: its masks and table, other photographs.

  python -m manloc_jax.benchmarks.standin --csv_root=NC2016_Test0613 \
      --photographs=FOLDER --long_side=1024 --out=data/standin
  python -m manloc_jax.main --config=configs/standin.py

The first command forges the tree, which needs NIST's table and masks and two
JPEG photographs for each of its 69 scenes. The second takes a few minutes on
two CPU cores. The forgeries are not those of NIST, and no score is one on NIST.
Steps and learning rate are those of configs/demo.py. Nothing was chosen by
scores on this set.
"""

import ml_collections

from configs import small


def get_config() -> ml_collections.ConfigDict:
  """Returns the config for the stand-in."""
  config = small.get_config()
  config.num_steps = 1000
  config.optim.learning_rate = 4e-3
  config.data.name = 'standin'
  config.data.root = 'data/standin'
  # Forgeries of one photograph stay in one split, or the test leaks; the study
  # configs/leakage.py compares both rules.
  config.data.split_rule = 'group'
  # Few, so that preparation is quick: 1000 steps see each once or twice.
  config.data.sampler.max_per_image = 64
  config.train.eval_every_steps = 250
  config.train.checkpoint_every_steps = 125
  return config
