"""IMD2020, the real-life part: manipulated images from the Internet.

Each thread of a forum is a folder with an original, `<thread>_orig.jpg`, and
manipulations of it by different people, each with its mask. The folder is the
group. The mask of `z14/00030_fake.jpg` has another size.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'IMD2020 must lie as one folder per thread, with *_orig.jpg, images and '
    '<stem>_mask.png of each image'
)

DATASET = spec.Dataset(
    name='imd2020',
    description=(
        'IMD2020: 2010 real-life manipulated images from the Internet and 414 '
        'originals.'
    ),
    homepage='https://staff.utia.cas.cz/novozada/db/',
    citation=(
        'A. Novozamsky, B. Mahdian, S. Saic: IMD2020: a large-scale annotated '
        'dataset tailored for detecting manipulated images. WACVW 2020.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'(?P<thread>[^/]+)/[^/]+_orig',
            photographs=('{thread}',),
            image_id='{thread}_{stem}',
        ),
        pairing.ImagePattern(
            images=r'(?P<thread>[^/]+)/(?P<name>[^/]+)(?<!_mask)',
            masks=r'(?P<thread>[^/]+)/(?P<name>[^/]+)_mask',
            manipulation='unknown',
            photographs=('{thread}',),
            image_id='{thread}_{stem}',
        ),
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
    published={'manipulated': 2010, 'pristine': 414},
)
