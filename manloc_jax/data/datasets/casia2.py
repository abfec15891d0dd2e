"""CASIA v2.0: splices and copy-moves of many sizes, as JPEG and TIFF.

Names are those of CASIA v1 with other letters: `Tp_<D|S>_..._<base id>_<donor
id>_<number>`, `D` a splice and `S` a copy-move, and `Au_<class>_<number>`. The
masks are not part of the set; they were made later by subtraction, and 17 have
another size than their image. Corrected lists rename about a hundred files
between `S` and `D`, so that the letters of an image and its mask may differ:
the image's counts. The group is that of CASIA v1.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'CASIA v2.0 must lie as Au/*, Tp/* and "CASIA 2 Groundtruth"/<stem>_gt.png '
    '(or Groundtruth, or Gt) under the root'
)


def _forged(letter: str, manipulation: str) -> pairing.ImagePattern:
  return pairing.ImagePattern(
      images=r'(?:CASIA ?2(?:\.0)?/)?Tp/'
      rf'Tp_{letter}_(?P<name>[a-z]{{3}}_[a-z]_[a-z]_(?P<base>[a-z]{{3}}\d+)_'
      # Where the donor is not known its id is xxx00000.
      r'(?:xxx0+|(?P<donor>[a-z]{3}\d+))_\d+)',
      # One known mask ends in `_gt3`.
      masks=r'(?:CASIA ?2(?:\.0)? Groundtruth|Groundtruth|Gt)/'
      r'Tp_[DS]_(?P<name>[^/]+)_gt3?',
      manipulation=manipulation,
      photographs=('{base}', '{donor}'),
  )


DATASET = spec.Dataset(
    name='casia2',
    description=(
        'CASIA Tampered Image Detection Evaluation Database v2.0: images '
        'forged by splicing and copy-move.'
    ),
    homepage='https://github.com/namtpham/casia2groundtruth',
    citation=(
        'J. Dong, W. Wang, T. Tan: CASIA image tampering detection evaluation '
        'database. ChinaSIP 2013. Masks: N. T. Pham et al.: Hybrid '
        'image-retrieval method for image-splicing validation. Symmetry 2019.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        _forged('D', 'splice'),
        _forged('S', 'copy-move'),
        pairing.ImagePattern(
            images=r'(?:CASIA ?2(?:\.0)?/)?Au/'
            r'Au_(?P<kind>[a-z]{3})_(?P<number>\d+)',
            photographs=('{kind}{number}',),
        ),
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
    published={'manipulated': 5123, 'pristine': 7491},
)
