r"""The paper's study: every system of Tables 1 to 4, on any dataset.

  python -m manloc_jax.main --config=configs/ablation.py:casia/s-lstm-conv \
      --config.data.root=<folder with Au, Tp and Gt>

The argument names a dataset's config and a row of a table. All rows of a
dataset have its config but for what SYSTEMS lists, so that a system is data and
no network class. `manloc sweep` runs the whole study.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import ml_collections

from configs import casia
from configs import coverage
from configs import demo
from configs import dial
from configs import ifs
from configs import nist
from configs import standin


def _wide(
    get_config: Callable[..., ml_collections.ConfigDict],
    *arguments: str,
    **fields: Any,
) -> Callable[[], ml_collections.ConfigDict]:
  """Returns what makes a config whose last features LSTM-64h can narrow."""

  def make() -> ml_collections.ConfigDict:
    config = get_config(*arguments)
    config.model.lstm_hidden = (64, 64, 256)
    config.update(fields)
    return config

  return make


# The paper's three datasets, and others: what makes the config of each.
DATASETS = {
    'nist': nist.get_config,
    'ifs': ifs.get_config,
    'coverage': coverage.get_config,
    'casia': _wide(casia.get_config, num_steps=2000),
    'demo': _wide(demo.get_config),
    **{f'dial-{x}': _wide(dial.get_config, x) for x in dial.PERCENTS},
    'standin': _wide(standin.get_config),
}

_NO_PATCHES = {'model.head': 'none'}  # Segmentation alone: S-.
_NO_MASKS = {'model.decoder': 'none'}  # Patch classification alone: P-.
_NO_CONVOLUTIONS = {'model.lstm_input': 'rgb'}  # Before the LSTM.

# The systems: the name of each, the paper's name, and what it changes in a
# dataset's config, to a value or by a function of the old one. The first one is
# the reference, which others are compared with.
SYSTEMS = {
    # Tables 1 and 2, and the rows of other tables that the paper repeats:
    # 16 maps in conv1, 256 features, patches labelled at 12.5 %.
    'j-conv-lstm-conv': ('J-Conv-LSTM-Conv', {}),
    # Table 1.
    'p-lstm': ('P-LSTM', _NO_MASKS | _NO_CONVOLUTIONS),
    'p-conv-lstm': ('P-Conv-LSTM', _NO_MASKS),
    # Table 2.
    'fcn': ('FCN', {'model.network': 'fcn'}),
    's-lstm-conv34': (
        'S-LSTM-Conv3,4',
        _NO_PATCHES | _NO_CONVOLUTIONS | {'model.decoder': 'conv34'},
    ),
    's-lstm-conv': ('S-LSTM-Conv', _NO_PATCHES | _NO_CONVOLUTIONS),
    's-conv-lstm-conv': ('S-Conv-LSTM-Conv', _NO_PATCHES),
    # Table 3.
    'conv1-8f': ('Conv1-8f', {'model.conv1_filters': 8}),
    'conv1-32f': ('Conv1-32f', {'model.conv1_filters': 32}),
    # Only the feature that becomes the map, as the paper says.
    'lstm-64h': (
        'LSTM-64h',
        {'model.lstm_hidden': lambda hidden: (*hidden[:-1], 64)},
    ),
    # Table 4.
    'iou-0.5': ('IoU-0.5', {'data.sampler.label_threshold': 0.5}),
}

_J = 'j-conv-lstm-conv'
_PATCHES = ('patch_accuracy', 'patch_auc')
_PIXELS = ('pixel_accuracy', 'pixel_auc_pooled')
_BOTH = (*_PATCHES, *_PIXELS)
# After `published ` the paper's numbers.
_ALL = ('published patch_accuracy', *_PATCHES)
_ALL += ('published pixel_accuracy', *_PIXELS)
# What `manloc report --study` makes of the runs: a row for each dataset and
# system, all of them where none are named. Attributes of
# manloc_jax/reports/study/definition.py:Table.
TABLES = (
    {
        'name': 'table1',
        'caption': 'Table 1. Patch classification',
        'columns': ('published patch_accuracy', *_PATCHES),
        'systems': ('p-lstm', 'p-conv-lstm', _J),
    },
    {
        'name': 'table2',
        'caption': 'Table 2. Segmentation',
        'columns': ('published pixel_accuracy', *_PIXELS),
        'systems': (
            *('fcn', 's-lstm-conv34', 's-lstm-conv', 's-conv-lstm-conv'),
            _J,
        ),
    },
    {
        'name': 'table3',
        'caption': 'Table 3. Size of the feature maps',
        'columns': _ALL,
        'systems': (_J, 'conv1-8f', 'conv1-32f', 'lstm-64h'),
        'labels': {_J: 'J-Conv-LSTM-Conv (16f, 256h)'},
        'beside': _J,
    },
    {
        'name': 'table4',
        'caption': 'Table 4. Label threshold of a patch',
        'columns': _ALL,
        'systems': ('iou-0.5', _J),
        'labels': {_J: 'IoU-0.125'},
        'beside': _J,
        'notes': (
            'The two rows are scored against different labels and on different'
            ' patches, for the threshold decides which patches are sampled;'
            ' only their scores on `test_grid` share their pixels.',
        ),
    },
    {
        'name': 'table5',
        'caption': 'Table 5. Area under the ROC curves of Figure 4',
        'columns': (
            *('published patch_auc', 'patch_auc'),
            *('published pixel_auc_pooled', 'pixel_auc_pooled'),
            'pixel_auc_image_mean',
        ),
        'systems': (_J,),
        'notes': (
            'Two numbers of the paper are likely typing errors: the patch AUC'
            ' of IEEE (0.8938) repeats the digits of the patch accuracy of NIST'
            ' (89.38 %), and the patch AUC of COVERAGE (0.7238) repeats the'
            ' pixel AUC of IEEE.',
        ),
    },
    {
        'name': 'grid',
        'caption': (
            'Every native window of the test images (`test_grid`), at its'
            ' natural fraction of manipulated pixels'
        ),
        'columns': _BOTH,
        'split': 'test_grid',
    },
)
# What the paper says: in words, the system that scores higher by it, the lower
# one, the scores that it is about, and the split if it is not `test`.
CLAIMS = (
    ('Joint learning helps', _J, 'p-conv-lstm', _PATCHES),
    ('Joint learning helps', _J, 's-conv-lstm-conv', _PIXELS),
    ('conv1 and conv2 help', 'p-conv-lstm', 'p-lstm', _PATCHES),
    ('conv1 and conv2 help', 's-conv-lstm-conv', 's-lstm-conv', _PIXELS),
    ('conv5 helps', 's-lstm-conv', 's-lstm-conv34', _PIXELS),
    ('FCN is worst', 's-lstm-conv34', 'fcn', _PIXELS),
    ('FCN is worst', 's-lstm-conv', 'fcn', _PIXELS),
    ('FCN is worst', 's-conv-lstm-conv', 'fcn', _PIXELS),
    ('FCN is worst', _J, 'fcn', _PIXELS),
    ('16 maps in conv1 beat 8', _J, 'conv1-8f', _BOTH),
    ('16 maps in conv1 beat 32', _J, 'conv1-32f', _BOTH),
    ('256 features beat 64', _J, 'lstm-64h', _BOTH),
    ('Label above 1/2: patches gain', 'iou-0.5', _J, _PATCHES),
    # Another label threshold samples other patches for `test`. The windows of
    # `test_grid` are the same for both.
    ('Label above 1/2: pixels lose', _J, 'iou-0.5', _PIXELS, 'test_grid'),
)

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
  config = make(study, DATASETS, SYSTEMS)
  dataset = study.partition('/')[0]
  if dataset in FINE_TUNED:
    # Where a sweep leaves its first seed; for the others it says where.
    start = f'{FINE_TUNED[dataset]}/{config.system}-0'
    config.train.init_from = f'runs/ablation/{start}'
  return config


def make(
    study: str,
    datasets: Mapping[str, Callable[[], ml_collections.ConfigDict]],
    systems: Mapping[str, tuple[str, Mapping[str, Any]]],
) -> ml_collections.ConfigDict:
  """Returns the config of one system on one dataset of any study.

  Args:
    study: `<dataset>/<system>`.
    datasets: What makes the config of each dataset.
    systems: The label of each system, and what it changes.

  Raises:
    ValueError: There is no such dataset or system.
  """
  dataset, system = parse(study, datasets, systems)
  config = datasets[dataset]()
  _, changes = systems[system]
  for key, value in changes.items():
    if callable(value):
      section, name = key.rsplit('.', 1)
      value = value(config[section][name])
    config.update_from_flattened_dict({key: value})
  config.system = system
  return config


def parse(
    study: str, datasets: Collection[str], systems: Collection[str]
) -> tuple[str, str]:
  """Returns the dataset and the system of `<dataset>/<system>`.

  Raises:
    ValueError: There is no such dataset or system.
  """
  dataset, _, system = study.partition('/')
  if dataset not in datasets or system not in systems:
    raise ValueError(
        f'There is no study {study!r}; write DATASET/SYSTEM after the colon of'
        f' --config=FILE:..., with one of {", ".join(datasets)} and one of'
        f' {", ".join(systems)}.'
    )
  return dataset, system
