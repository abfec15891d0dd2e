"""Numbers and claims of the paper (Bappy et al., ICCV 2017, section 4)."""

import dataclasses

JOINT = 'j-conv-lstm-conv'

# `config.system` to the paper's name.
SYSTEMS = {
    'p-lstm': 'P-LSTM',
    'p-conv-lstm': 'P-Conv-LSTM',
    'fcn': 'FCN',
    's-lstm-conv34': 'S-LSTM-Conv3,4',
    's-lstm-conv': 'S-LSTM-Conv',
    's-conv-lstm-conv': 'S-Conv-LSTM-Conv',
    JOINT: 'J-Conv-LSTM-Conv',
    'conv1-8f': 'Conv1-8f',
    'conv1-32f': 'Conv1-32f',
    'lstm-64h': 'LSTM-64h',
    'iou-0.5': 'IoU-0.5',
}

# `config.data.name` to the paper's name.
DATASETS = {'nist16': 'NIST', 'ifs': 'IEEE', 'coverage': 'COVERAGE'}

TASKS = {'patch': 'Patches', 'pixel': 'Pixels'}

# Tables 1 to 4, in percent: task, system, dataset.
ACCURACY = {
    'patch': {
        'p-lstm': {'nist16': 81.05, 'ifs': 84.27, 'coverage': 73.28},
        'p-conv-lstm': {'nist16': 86.76, 'ifs': 86.05, 'coverage': 79.12},
        JOINT: {'nist16': 89.38, 'ifs': 87.68, 'coverage': 80.06},
        'conv1-8f': {'nist16': 82.90},
        'conv1-32f': {'nist16': 78.03},
        'lstm-64h': {'nist16': 80.56},
        'iou-0.5': {'nist16': 96.56},
    },
    'pixel': {
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
}

# Table 5: task, system, dataset.
AUC = {
    'patch': {JOINT: {'nist16': 0.9390, 'ifs': 0.8938, 'coverage': 0.7238}},
    'pixel': {JOINT: {'nist16': 0.7641, 'ifs': 0.7238, 'coverage': 0.6137}},
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

TYPING_ERRORS = (
    'Two numbers of the paper are likely typing errors: the patch AUC of IEEE'
    ' (0.8938) repeats the digits of the patch accuracy of NIST (89.38 %), and'
    ' the patch AUC of COVERAGE (0.7238) repeats the pixel AUC of IEEE.'
)


@dataclasses.dataclass(frozen=True)
class Claim:
  """A claim that one system scores above another.

  Attributes:
    text: The claim in a few words.
    better: The system said to score higher.
    worse: The system said to score lower.
    tasks: Of `TASKS`, those that the claim is about.
    split: Where it is judged.
  """

  text: str
  better: str
  worse: str
  tasks: tuple[str, ...]
  split: str = 'test'


CLAIMS = (
    Claim('Joint learning helps', JOINT, 'p-conv-lstm', ('patch',)),
    Claim('Joint learning helps', JOINT, 's-conv-lstm-conv', ('pixel',)),
    Claim('conv1 and conv2 help', 'p-conv-lstm', 'p-lstm', ('patch',)),
    Claim(
        'conv1 and conv2 help', 's-conv-lstm-conv', 's-lstm-conv', ('pixel',)
    ),
    Claim('conv5 helps', 's-lstm-conv', 's-lstm-conv34', ('pixel',)),
    Claim('FCN is worst', 's-lstm-conv34', 'fcn', ('pixel',)),
    Claim('FCN is worst', 's-lstm-conv', 'fcn', ('pixel',)),
    Claim('FCN is worst', 's-conv-lstm-conv', 'fcn', ('pixel',)),
    Claim('FCN is worst', JOINT, 'fcn', ('pixel',)),
    Claim('16 maps in conv1 beat 8', JOINT, 'conv1-8f', ('patch', 'pixel')),
    Claim('16 maps in conv1 beat 32', JOINT, 'conv1-32f', ('patch', 'pixel')),
    Claim('256 features beat 64', JOINT, 'lstm-64h', ('patch', 'pixel')),
    Claim('Label above 1/2: patches gain', 'iou-0.5', JOINT, ('patch',)),
    # Another label threshold samples other patches for `test`. The windows of
    # `test_grid` are the same for both.
    Claim(
        'Label above 1/2: pixels lose',
        JOINT,
        'iou-0.5',
        ('pixel',),
        split='test_grid',
    ),
)


def fraction_bound(dataset: str) -> float:
  """Bounds the fraction of manipulated pixels among the paper's test pixels.

  Where a concave ROC of area A holds a point of accuracy a, the rarer class
  makes up at most (1 - a) / (2 - 2 A): the area is no less than that of the
  two lines through the point, and the errors no fewer than those it allows.

  Args:
    dataset: A key of `DATASETS`.
  """
  errors = 1 - ACCURACY['pixel'][JOINT][dataset] / 100
  return errors / (2 - 2 * AUC['pixel'][JOINT][dataset])
