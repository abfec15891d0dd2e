"""Numbers of the paper (Bappy et al., ICCV 2017, section 4).

Its systems, tables and claims are those of configs/ablation.py.
"""

JOINT = 'j-conv-lstm-conv'

# `config.data.name` to the paper's name.
DATASETS = {'nist16': 'NIST', 'ifs': 'IEEE', 'coverage': 'COVERAGE'}

TASKS = {'patch': 'Patches', 'pixel': 'Pixels'}

# Score, system, dataset: accuracies in percent of Tables 1 to 4, and areas of
# Table 5.
PUBLISHED = {
    'patch_accuracy': {
        'p-lstm': {'nist16': 81.05, 'ifs': 84.27, 'coverage': 73.28},
        'p-conv-lstm': {'nist16': 86.76, 'ifs': 86.05, 'coverage': 79.12},
        JOINT: {'nist16': 89.38, 'ifs': 87.68, 'coverage': 80.06},
        'conv1-8f': {'nist16': 82.90},
        'conv1-32f': {'nist16': 78.03},
        'lstm-64h': {'nist16': 80.56},
        'iou-0.5': {'nist16': 96.56},
    },
    'pixel_accuracy': {
        'fcn': {'nist16': 64.34},
        's-lstm-conv34': {'nist16': 74.43},
        's-lstm-conv': {'nist16': 78.60, 'ifs': 74.04, 'coverage': 75.38},
        's-conv-lstm-conv': {'nist16': 82.78, 'ifs': 74.32, 'coverage': 78.42},
        JOINT: {'nist16': 84.60, 'ifs': 77.67, 'coverage': 81.14},
        'conv1-8f': {'nist16': 80.88},
        'conv1-32f': {'nist16': 73.17},
        'lstm-64h': {'nist16': 76.16},
        'iou-0.5': {'nist16': 75.32},
    },
    'patch_auc': {JOINT: {'nist16': 0.9390, 'ifs': 0.8938, 'coverage': 0.7238}},
    'pixel_auc_pooled': {
        JOINT: {'nist16': 0.7641, 'ifs': 0.7238, 'coverage': 0.6137},
    },
}

# `config.method` of classical methods to the paper's name.
METHODS = {
    'dct': 'DCT Histograms',
    'adjpeg': 'ADJPEG',
    'nadjpeg': 'NADJPEG',
    'patchmatch': 'PatchMatch',
    'ela': 'Error level analysis',
    'blocks': 'Block Features',
    'noise': 'Noise Inconsistencies',
}

# Table 6: pixel AUC of the classical methods on NIST.
CLASSICAL = {
    'dct': 0.545,
    'adjpeg': 0.5891,
    'nadjpeg': 0.6567,
    'patchmatch': 0.6513,
    'ela': 0.4288,
    'blocks': 0.4785,
    'noise': 0.4874,
}


def fraction_bound(dataset: str) -> float:
  """Bounds the fraction of manipulated pixels among the paper's test pixels.

  Where a concave ROC of area A holds a point of accuracy a, the rarer class
  makes up at most (1 - a) / (2 - 2 A): the area is no less than that of the
  two lines through the point, and the errors no fewer than those it allows.

  Args:
    dataset: A key of `DATASETS`.
  """
  errors = 1 - PUBLISHED['pixel_accuracy'][JOINT][dataset] / 100
  return errors / (2 - 2 * PUBLISHED['pixel_auc_pooled'][JOINT][dataset])
