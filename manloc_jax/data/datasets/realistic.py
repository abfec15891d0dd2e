"""Realistic Tampering (Korus): forgeries by hand, of four cameras' TIFF files.

A forged image, its original and its mask have one stem, which repeats from
camera to camera. The set does not say how an image was forged.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'Realistic Tampering must lie as <camera>/pristine/*.TIF, '
    '<camera>/tampered-realistic/<stem>.TIF and '
    '<camera>/ground-truth/<stem>.PNG'
)


def is_manipulated(grey):
  """Reads grey and white as forged: grey are the soft parts of a region."""
  return grey > 10


DATASET = spec.Dataset(
    name='realistic',
    description=(
        'Realistic Tampering Dataset: 220 photographs of four cameras, forged '
        'by hand, with their originals.'
    ),
    homepage='https://pkorus.pl/downloads/dataset-realistic-tampering',
    citation=(
        'P. Korus, J. Huang: Multi-scale analysis strategies in PRNU-based '
        'tampering localization. IEEE TIFS 2017.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'(?P<camera>[^/]+)/tampered-realistic/(?P<name>[^/]+)',
            masks=r'(?P<camera>[^/]+)/ground-truth/(?P<name>[^/]+)',
            manipulation='unknown',
            photographs=('{camera}/{name}',),
            image_id='{camera}_{name}_tampered',
        ),
        pairing.ImagePattern(
            images=r'(?P<camera>[^/]+)/pristine/(?P<name>[^/]+)',
            photographs=('{camera}/{name}',),
            image_id='{camera}_{name}_pristine',
            scope='camera',
        ),
        layout=_LAYOUT,
    ),
    is_manipulated=is_manipulated,
    mask_mode='levels',
    published={'manipulated': 220, 'pristine': 220},
)
