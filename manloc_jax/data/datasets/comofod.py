"""CoMoFoD, the small category: copy-moves of 512x512 pixels.

Set NNN is `NNN_O.png` (original), `NNN_F.png` (forged), `NNN_B.png` (binary
mask, white = forged) and `NNN_M.png` (mask in colour, not read). Originals and
forgeries come with 24 post-processed copies each, such as `NNN_F_JC1.jpg`: JC
JPEG, NA noise, IB blur, BC brightness, CR fewer colours, CA contrast. They are
images of their own with the mask of their set, and all of a set is one group.
To work without them, keep them out of the folder.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'CoMoFoD must lie as NNN_F.png, NNN_O.png, their post-processed copies '
    '(NNN_F_JC1.jpg) and NNN_B.png in one folder'
)
_COPY = r'(?:_(?:JC|NA|IB|BC|CR|CA)\d)?'
_OTHERS = r'\d{3}_M'

DATASET = spec.Dataset(
    name='comofod',
    description=(
        'CoMoFoD, small category: 200 copy-moves and their originals, each as '
        'it is and in 24 post-processed copies.'
    ),
    homepage='https://www.vcl.fer.hr/comofod/',
    citation=(
        'D. Tralic, I. Zupancic, S. Grgic, M. Grgic: CoMoFoD - new database '
        'for copy-move forgery detection. ELMAR 2013.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=rf'(?P<number>\d{{3}})_F{_COPY}',
            masks=r'(?P<number>\d{3})_B',
            manipulation='copy-move',
            photographs=('{number}',),
        ),
        pairing.ImagePattern(
            images=rf'(?P<number>\d{{3}})_O{_COPY}',
            photographs=('{number}',),
        ),
        others=_OTHERS,
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
    published={'manipulated': 200 * 25, 'pristine': 200 * 25},
    others=_OTHERS,
)
