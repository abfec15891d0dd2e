r"""The fusion of classical features, trained on a set of forgeries.

  manloc forge <folder of photographs> --out data/forged --count 8000 \
      --size 256,448 --seed 11 --fractions 0.86,0.06,0.08 --keep_originals
  manloc fusion --config=configs/fusion.py \
      --config.data.root=data/forged

Any other set serves as well: --config.data.name=casia1
--config.data.root=<its folder> --config.data.split_rule=group.
"""

import ml_collections


def get_config() -> ml_collections.ConfigDict:
  """Returns the config with which the packaged weights were trained."""
  config = ml_collections.ConfigDict()
  config.seed = 0  # Initialization and order.
  config.members = 2  # Networks, whose log-odds are averaged.
  config.batch_size = 16  # Crops for each of them.
  config.crop = 32  # Blocks, the side of a crop.
  config.num_steps = 4000
  config.eval_every_steps = 2000  # Scores the validation split, and saves.
  config.learning_rate = 2e-3  # Peak; it decays as a cosine.
  config.weight_decay = 0.02
  config.manipulated_weight = 2.0  # Of a manipulated block in the loss.
  config.dice_weight = 0.5  # Of Dice, beside the cross entropy.

  config.model = model = ml_collections.ConfigDict()
  model.width = 32  # Features per block.
  model.dilations = (1, 1, 2, 4)  # Of the residual layers, blocks.
  model.dropout = 0.1  # Of features, and of groups of features.

  config.data = data = ml_collections.ConfigDict()
  data.name = 'synthetic'
  data.root = 'data/forged'
  data.split_rule = 'given'
  data.pristine_fraction = 0.4  # Of the untouched images of the set.
  data.seed = 0  # Of the split.
  data.fractions = (0.65, 0.10, 0.25)  # Train, validation and test.
  data.cache = 'data/evidence'  # Folder for measured features.
  data.workers = 0  # Processes that measure; 0 for one per core.
  return config
