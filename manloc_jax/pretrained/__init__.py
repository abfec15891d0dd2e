"""Weights that come with the package; MODEL_CARD*.md say what they can do."""

import pathlib

_FOLDER = pathlib.Path(__file__).parent
FUSION = _FOLDER / 'fusion.safetensors'
# By name, for `manloc localize --weights`.
FUSIONS = {'v1': _FOLDER / 'fusion_v1.safetensors', 'v2': FUSION}
NETWORK = _FOLDER / 'network.safetensors'
