"""Columbia Uncompressed: splices of two cameras' photographs, as TIFF or BMP.

Masks are JPEG files in colour: bright and dark green for the spliced region,
red for the rest. An authentic image is named `<camera>_<scene>_sub_<number>`
and its group is the scene; the name of a splice holds two cameras and no scene,
so that each splice is a group of its own.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'Columbia must lie as 4cam_auth/*.tif, 4cam_splc/*.tif and '
    '4cam_splc/edgemask/<stem>_edgemask.jpg'
)
# Edges of the authentic images, which nothing was spliced into.
_OTHERS = r'4cam_auth/edgemask/[^/]+'


def is_manipulated(rgb):
  """Reads green as spliced; a margin keeps JPEG noise in black out."""
  return rgb[..., 1] > rgb[..., 0].astype(int) + 16


DATASET = spec.Dataset(
    name='columbia',
    description=(
        'Columbia Uncompressed Image Splicing Detection Evaluation Dataset: '
        '180 splices without post-processing and 183 authentic images.'
    ),
    homepage='https://www.ee.columbia.edu/ln/dvmm/downloads/authsplcuncmp/',
    citation=(
        'Y.-F. Hsu, S.-F. Chang: Detecting image splicing using geometry '
        'invariants and camera characteristics consistency. ICME 2006.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        pairing.ImagePattern(
            images=r'4cam_splc/(?P<name>[^/]+)',
            masks=r'4cam_splc/edgemask/(?P<name>[^/]+)_edgemask',
            manipulation='splice',
        ),
        pairing.ImagePattern(
            images=r'4cam_auth/(?P<scene>[^/]+?)(?:_sub_\d+)?',
            photographs=('{scene}',),
        ),
        others=_OTHERS,
        layout=_LAYOUT,
    ),
    is_manipulated=is_manipulated,
    mask_mode='RGB',
    published={'manipulated': 180, 'pristine': 183},
    others=_OTHERS,
)
