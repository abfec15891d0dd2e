"""AutoSplice: photographs edited by DALL-E 2, each saved with three qualities.

A photograph is `Authentic/<id>.jpg`, its k-th edit `<id>_<k>.jpg` in folders
for the quality of its JPEG compression, and `Mask/<id>_mask.png` the mask of
all its edits. The copies of an edit are images of their own, and all of a
photograph is one group. To score one quality, leave the other folders out.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'AutoSplice must lie as Forged_JPEG<quality>/<id>_<k>.jpg, '
    'Mask/<id>_mask.png and Authentic/<id>.jpg'
)

DATASET = spec.Dataset(
    name='autosplice',
    description=(
        'AutoSplice: 3,621 edits of photographs by DALL-E 2, each with three '
        'JPEG qualities, and 2,273 authentic photographs.'
    ),
    homepage='https://github.com/shanface33/AutoSplice_Dataset',
    citation=(
        'S. Jia, M. Huang, Z. Zhou, Y. Ju, J. Cai, S. Lyu: AutoSplice: a '
        'text-prompt manipulated image dataset for media forensics. CVPR '
        'Workshops 2023.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'Forged_JPEG(?P<quality>\d+)/(?P<id>[^/_]+)_\d+',
            masks=r'Mask/(?P<id>[^/_]+)_mask',
            manipulation='inpainting',
            photographs=('{id}',),
            image_id='{stem}_JPEG{quality}',
        ),
        pairing.ImagePattern(images=r'Authentic/[^/]+'),
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
)
