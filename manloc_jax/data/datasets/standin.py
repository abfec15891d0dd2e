"""A stand-in for NIST Nimble 2016, made by `manloc_jax.benchmarks.standin`.

It has a name of its own, so that no score on it is taken for one on NIST.
"""

import dataclasses

from manloc_jax.data.datasets import nist16

_LAYOUT = (
    'a stand-in has the layout of NIST Nimble 2016; make one with python -m '
    'manloc_jax.benchmarks.standin'
)
DATASET = dataclasses.replace(
    nist16.DATASET,
    name='standin',
    description=(
        'The table and masks of NIST Nimble 2016 over other photographs, which'
        ' are forged by plain operations.'
    ),
    layout=_LAYOUT,
    published={},  # As many as were asked for.
)
