"""Weights that come with the package; MODEL_CARD.md says what they can do."""

import pathlib

FUSION = pathlib.Path(__file__).parent / 'fusion.safetensors'
