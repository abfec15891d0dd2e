"""DSO-1: people spliced into photographs of 2048x1536, with retouching.

A splice and a normal image of one number have nothing in common, so each image
is a group of its own.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'DSO-1 must lie as DSO-1/{normal,splicing}-NN.png and '
    'DSO-1-Fake-Images-Masks/splicing-NN.png'
)
_OTHERS = r'DSI-1/[^/]+'  # Comes in the same archive.

DATASET = spec.Dataset(
    name='dso1',
    description='DSO-1: 100 splices of people and 100 normal photographs.',
    homepage='https://recodbr.wordpress.com/code-n-data/#dso1_dsi1',
    citation=(
        'T. de Carvalho, C. Riess, E. Angelopoulou, H. Pedrini, A. Rocha: '
        'Exposing digital image forgeries by illumination color '
        'classification. IEEE TIFS 2013.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'DSO-1/(?P<name>splicing-\d+)',
            masks=r'DSO-1-Fake-Images-Masks/(?P<name>splicing-\d+)',
            manipulation='splice',
        ),
        pairing.ImagePattern(images=r'DSO-1/normal-\d+'),
        layout=_LAYOUT,
        others=_OTHERS,
    ),
    is_manipulated=pairing.black,
    published={'manipulated': 100, 'pristine': 100},
    others=_OTHERS,
)
