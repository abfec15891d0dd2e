"""The classical methods, a file each; a new file here is a new method.

A file defines `METHOD`, and its name is the name of the method.
"""

import importlib

from manloc_jax import run_config
from manloc_jax.localization.classical import interface

METHODS: dict[str, interface.Method] = {
    name: importlib.import_module(f'{__name__}.{name}').METHOD
    for name in run_config.CLASSICAL
}
