"""Weights that come with the package; MODEL_CARD*.md say what they can do."""

import pathlib

_FOLDER = pathlib.Path(__file__).parent
FUSION = _FOLDER / 'fusion.safetensors'
# By name, for `manloc localize --weights`; MODEL_CARD.md says why the first is
# the default.
FUSIONS = {'v1': FUSION, 'v2': _FOLDER / 'fusion_v2.safetensors'}
NETWORK = _FOLDER / 'network.safetensors'
