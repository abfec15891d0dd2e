"""CocoGlide: regions of COCO images inpainted by a diffusion model.

The names of a fake, its original and its mask share the COCO image's number
only, which is their group.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'CocoGlide must lie as fake/glide_inpainting_val2017_<number>_up.png, '
    'real/<class>_<number>.png and mask/<class>_<number>_mask.png'
)

DATASET = spec.Dataset(
    name='cocoglide',
    description=(
        'CocoGlide: 512 images of 256x256 pixels from COCO with one object '
        'painted anew by GLIDE, and their originals.'
    ),
    homepage='https://github.com/grip-unina/TruFor',
    citation=(
        'F. Guillaro, D. Cozzolino, A. Sud, N. Dufour, L. Verdoliva: TruFor: '
        'leveraging all-round clues for trustworthy image forgery detection '
        'and localization. CVPR 2023.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'fake/glide_inpainting_val2017_(?P<number>\d+)_up',
            masks=r'mask/[^/]+_(?P<number>\d+)_mask',
            manipulation='inpainting',
            photographs=('{number}',),
        ),
        pairing.ImagePattern(
            images=r'real/[^/]+_(?P<number>\d+)', photographs=('{number}',)
        ),
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
    published={'manipulated': 512, 'pristine': 512},
)
