r"""What must the network be given to find real forgeries? One change at a time.

  python -m manloc_jax.main --config=configs/ladder.py:casia/dct \
      --config.data.root=<folder with Au, Tp and Gt>
  manloc sweep casia --study=configs/ladder.py --runs=runs/ladder \
      --config.data.root=<folder with Au, Tp and Gt>
  manloc report runs/ladder/*/* --ladder=ladder.json

The first rung is the paper's input, colours, in the small network of
configs/small.py. The others change its input, or one thing about the rung
`dct`: head, loss, windows. All but one see the same windows, which begin on
JPEG's grid. 600 steps are 19,200 patches.
"""

import functools

import ml_collections

from configs import ablation
from configs import casia
from configs import dial

DATASETS = {
    'casia': casia.get_config,
    **{
        f'dial-{percent}': functools.partial(dial.get_config, percent)
        for percent in dial.PERCENTS
    },
}
_DCT = {'model.lstm_input': 'dct'}
# Filters of random weights, where the input or a constraint removes content.
_FREE = {'model.conv_init': 'glorot'}
_RESIDUAL = {'model.conv1_input': 'residual'} | _FREE
# The packaged network, configs/shipped.py.
_ALL = {'model.lstm_input': 'conv+dct+odds'} | _RESIDUAL
# What each rung changes.
SYSTEMS = {
    'rgb': {},
    'rgb-glorot': _FREE,
    'rgb-one-map': {'model.conv2_filters': 1},
    'rgb-dice': {'loss.dice_weight': 1.0},
    'residual': _RESIDUAL,
    'bayar': {'model.conv1_constraint': 'bayar'} | _FREE,
    'spectrum': {'model.lstm_input': 'spectrum'},
    'dct': _DCT,
    'dct-off-grid': _DCT | {
        'data.sampler.window_grid': 1,
        'data.sampler.stride': 18,
        'data.sampler.test_stride': 66,
    },
    'dct-last': _DCT | {'model.head': 'last'},
    'dct-concat': _DCT | {'model.head': 'concat'},
    'dct-dice': _DCT | {'loss.dice_weight': 1.0},
    'dct-weighted': _DCT | {'loss.pixel_class_weights': (1.0, 4.0)},
    'conv+dct': {'model.lstm_input': 'conv+dct'},
    # Context: what the whole image says of each coefficient.
    'odds': {'model.lstm_input': 'odds'},
    'dct+odds': {'model.lstm_input': 'dct+odds'},
    'conv+dct+odds': _ALL,
    # From weights that have learned on forged photographs, none from the set.
    'pretrained': _ALL | {'train.init_from': 'pretrained'},
}


def get_config(study: str = 'casia/dct') -> ml_collections.ConfigDict:
  """Returns the config of one rung on one dataset.

  Args:
    study: `<dataset>/<rung>`: keys of DATASETS and SYSTEMS.

  Raises:
    ValueError: There is no such dataset or rung.
  """
  dataset, rung = ablation.parse(study, DATASETS, SYSTEMS)
  config = DATASETS[dataset]()
  config.update_from_flattened_dict({
      'num_steps': 600,
      'optim.learning_rate': 2e-3,
      'data.sampler.sources': ('window',),
      'data.sampler.window_grid': 8,
      'data.sampler.stride': 16,
      'train.eval_every_steps': 300,
      'eval.splits': ('test_images',),
      **SYSTEMS[rung],
  })
  config.system = rung
  return config
