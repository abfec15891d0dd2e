"""Argument types: accepted and refused texts."""

import argparse

import pytest

from manloc_jax import argument_types


@pytest.mark.parametrize(
    'read, text, value',
    [
        (argument_types.whole_number, '0', 0),
        (argument_types.whole_number, '007', 7),
        (argument_types.whole_number, str(2**63 - 1), 2**63 - 1),
        (argument_types.positive, '1', 1),
        (argument_types.port, '65535', 65535),
        (argument_types.number, '-1.5e2', -150.0),
        (argument_types.number, '.5', 0.5),
        (argument_types.names, 'a,b', ['a', 'b']),
        (argument_types.seeds, '2,0', [2, 0]),
        (argument_types.sides, '256,512', (256, 512)),
        (argument_types.sides, '64,64', (64, 64)),
        (argument_types.fractions, '.5,.25,0.25', (0.5, 0.25, 0.25)),
    ],
)
def test_what_is_read(read, text, value):
  assert read(text) == value


@pytest.mark.parametrize(
    'read, texts',
    [
        (
            argument_types.whole_number,
            ['', '-1', '+1', '1.0', '1_000', ' 1', '²', '٣', '9' * 5000, 'nan'],
        ),
        (argument_types.positive, ['0', '00']),
        (argument_types.port, ['65536', '-1']),
        (
            argument_types.number,
            ['', 'nan', 'inf', '-inf', '1e400', '0x1', '1_0', ' 1', '٣', '.'],
        ),
        (argument_types.positive_number, ['0', '-1', 'nan', '1e-400']),
        (argument_types.names, ['', ',', 'a,', 'a,,b', 'a,a']),
        (argument_types.seeds, ['', '0,', '0,a', '0,0', '0,-1', '²,1', '1,01']),
        (
            argument_types.sides,
            ['', '256', '1,2,3', '0,5', '512,256', '²,٣', 'a,b', '1.5,2'],
        ),
        (
            argument_types.fractions,
            [
                *('', '.5,.5', '.5,.5,0', '1,1,-1', '.5,.5,.5', 'nan,nan,nan'),
                *('.5,.5,nan', 'inf,.5,.5', 'inf,-inf,1', '1e400,.1,.1'),
                *('.25,.25,.25,.25', '0.5,0.25,٠.25'),
            ],
        ),
    ],
)
def test_what_is_refused(read, texts):
  for text in texts:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
      read(text)
    assert repr(text) in str(refused.value)
