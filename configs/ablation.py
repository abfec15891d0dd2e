r"""The paper's study: every system of Tables 1 to 4, on any dataset.

  python -m manloc_jax.main --config=configs/ablation.py:casia/s-lstm-conv \
      --config.data.root=<folder with Au, Tp and Gt>

The argument names a dataset's config and a row of a table. All rows of a
dataset have its config but for what SYSTEMS lists, so that a system is data and
no network class. `manloc sweep` runs the whole study.
"""

import ml_collections

from configs import casia
from configs import coverage
from configs import demo
from configs import dial
from configs import ifs
from configs import nist
from configs import standin

DIAL = [f'dial-{percent}' for percent in dial.PERCENTS]
# The paper's three datasets, and others. What follows a hyphen is the argument
# of a config.
DATASETS = {
    'nist': nist,
    'ifs': ifs,
    'coverage': coverage,
    'casia': casia,
    'demo': demo,
    **dict.fromkeys(DIAL, dial),
    'standin': standin,
}

_NO_PATCHES = {'model.head': 'none'}  # Segmentation alone: S-.
_NO_MASKS = {'model.decoder': 'none'}  # Patch classification alone: P-.
_NO_CONVOLUTIONS = {'model.lstm_input': 'rgb'}  # Before the LSTM.

# What each system changes, to a value or by a function of the old one; the
# names are the paper's, in lower case.
SYSTEMS = {
    # Tables 1 and 2, and the rows of other tables that the paper repeats:
    # 16 maps in conv1, 256 features, patches labelled at 12.5 %.
    'j-conv-lstm-conv': {},
    # Table 1.
    'p-lstm': _NO_MASKS | _NO_CONVOLUTIONS,
    'p-conv-lstm': _NO_MASKS,
    # Table 2.
    'fcn': {'model.network': 'fcn'},
    's-lstm-conv34': (
        _NO_PATCHES | _NO_CONVOLUTIONS | {'model.decoder': 'conv34'}
    ),
    's-lstm-conv': _NO_PATCHES | _NO_CONVOLUTIONS,
    's-conv-lstm-conv': _NO_PATCHES,
    # Table 3.
    'conv1-8f': {'model.conv1_filters': 8},
    'conv1-32f': {'model.conv1_filters': 32},
    # Only the feature that becomes the map, as the paper says.
    'lstm-64h': {'model.lstm_hidden': lambda hidden: (*hidden[:-1], 64)},
    # Table 4.
    'iou-0.5': {'data.sampler.label_threshold': 0.5},
}
# Where the dataset's config is made for LSTM-64h.
_WIDE = {'model.lstm_hidden': (64, 64, 256)}
_STUDY = {
    'casia': {'num_steps': 2000, **_WIDE},
    'demo': _WIDE,
    **dict.fromkeys(DIAL, _WIDE),
    'standin': _WIDE,
}
# Datasets whose runs start from those of another one.
FINE_TUNED = {'coverage': 'nist'}


def get_config(
    study: str = 'nist/j-conv-lstm-conv',
) -> ml_collections.ConfigDict:
  """Returns the config of one system on one dataset.

  Args:
    study: `<dataset>/<system>`: keys of DATASETS and SYSTEMS.

  Raises:
    ValueError: There is no such dataset or system.
  """
  dataset, system = parse(study, 'configs/ablation.py', DATASETS, SYSTEMS)
  _, *arguments = dataset.split('-')
  config = DATASETS[dataset].get_config(*arguments)
  config.update_from_flattened_dict(_STUDY.get(dataset, {}))
  for key, value in SYSTEMS[system].items():
    if callable(value):
      section, name = key.rsplit('.', 1)
      value = value(config[section][name])
    config.update_from_flattened_dict({key: value})
  if dataset in FINE_TUNED:
    # Where a sweep leaves its first seed; for the others it says where.
    config.train.init_from = f'runs/ablation/{FINE_TUNED[dataset]}/{system}-0'
  config.system = system
  return config


def parse(
    study: str, file: str, datasets: dict, systems: dict
) -> tuple[str, str]:
  """Returns the dataset and the system of `<dataset>/<system>`.

  Raises:
    ValueError: There is no such dataset or system in the config file.
  """
  dataset, _, system = study.partition('/')
  if dataset not in datasets or system not in systems:
    raise ValueError(
        f'There is no study {study!r}; write {file}:DATASET/SYSTEM with one of'
        f' {", ".join(datasets)} and one of {", ".join(systems)}.'
    )
  return dataset, system
