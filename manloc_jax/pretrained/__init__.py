"""Weights that come with the package; MODEL_CARD*.md say what they can do."""

import pathlib

_FOLDER = pathlib.Path(__file__).parent
FUSION = _FOLDER / 'fusion.safetensors'
NETWORK = _FOLDER / 'network.safetensors'
