"""IEEE IFS-TC Image Forensics Challenge, phase 1: the paper's second dataset.

A file's name is a hash and does not identify the photograph: each image is a
group of its own. Masks lie beside the fakes as `<md5>.mask.png`, or
in `fake/masks/` where users moved them, with one, three or four channels or a
palette. At least eight have another size than their image. The masks of the
challenge's test images were never published.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    "the challenge's training data must lie as training/fake/<md5>.png with "
    '<md5>.mask.png beside it or in fake/masks/, and training/pristine/*.png'
)
_OTHERS = r'(?:phase-\d+/)?test(?:ing)?/[^/]+'  # Without masks.

DATASET = spec.Dataset(
    name='ifs',
    description=(
        'IEEE IFS-TC Image Forensics Challenge, training data of phase 1: 450 '
        'forged photographs with masks and 1050 pristine ones.'
    ),
    homepage='http://ifc.recod.ic.unicamp.br/',
    citation='IEEE IFS-TC Image Forensics Challenge, 2013.',
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'fake/(?P<name>[^/.]+)',
            masks=r'fake/(?:masks/)?(?P<name>[^/.]+)(?:\.mask)?',
            manipulation='unknown',
        ),
        pairing.ImagePattern(images=r'pristine/[^/]+'),
        layout=_LAYOUT,
        others=_OTHERS,
    ),
    # Black on white with soft grey edges, cut in the middle.
    is_manipulated=pairing.black,
    published={'manipulated': 450, 'pristine': 1050},
    others=_OTHERS,
)
