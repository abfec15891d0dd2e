r"""How much a split by image leaks: the paper's rule and that by photograph.

  manloc sweep casia --study=configs/leakage.py --runs=runs/leakage \
      --config.data.root=<folder with Au, Tp and Gt>
  manloc report runs/leakage/*/* --leakage=leakage.json

Both rules have the same networks, data and number of steps. Each seed splits
the images anew, so that differences are not those of single test images.
"""

import ml_collections

from configs import ablation

DATASETS = {name: ablation.DATASETS[name] for name in ('standin', 'casia')}
# A network of configs/ablation.py and a rule of splitting.
SYSTEMS = {
    f'{name}-{rule}': (network, rule)
    for name, network in (('j', 'j-conv-lstm-conv'), ('fcn', 'fcn'))
    for rule in ('random', 'group')
}


def get_config(
    study: str = 'standin/j-random',
) -> ml_collections.ConfigDict:
  """Returns the config of one network and rule on one dataset.

  Args:
    study: `<dataset>/<system>`: keys of DATASETS and SYSTEMS.

  Raises:
    ValueError: There is no such dataset or system.
  """
  dataset, system = ablation.parse(study, DATASETS, SYSTEMS)
  network, rule = SYSTEMS[system]
  config = ablation.get_config(f'{dataset}/{network}')
  config.data.split_rule = rule
  config.data.seed = config.get_oneway_ref('seed')  # It follows --config.seed.
  return config
