"""Weights that come with the package; MODEL_CARD*.md say what they can do."""

import pathlib

_FOLDER = pathlib.Path(__file__).parent
# By name, for `manloc localize --weights`; MODEL_CARD.md is about both.
FUSIONS = {
    'v2': _FOLDER / 'fusion_v2.safetensors',
    'v1': _FOLDER / 'fusion.safetensors',
}
FUSION = FUSIONS['v2']  # The default.
NETWORK = _FOLDER / 'network.safetensors'
