"""CASIA v1.0: 384x256 splices and copy-moves, saved once as JPEG.

A forged file is named `Sp_<D|S>_<xyz>_<c>_<base id>_<donor id>_<number>`, where
`D` is a splice of two photographs and `S` a copy-move within one. An authentic
file is named `Au_<class>_<number>` and is itself the photograph
`<class><number>`. The group of an image is the connected component of the
photographs that went into it: a splice joins its base to its donor.
"""

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = (
    'CASIA v1.0 must lie as Au/*.jpg, Tp/{CM,Sp}/*.jpg and '
    'Gt/{CM,Sp}/<stem>_gt.png under the root'
)


def _forged(letter: str, manipulation: str) -> pairing.ImagePattern:
  return pairing.ImagePattern(
      # Some copies of the set keep the archives' own folder names.
      images=r'(?:CASIA 1\.0 dataset/)?(?:Modified Tp/)?Tp/(?P<kind>CM|Sp)/'
      rf'(?P<name>Sp_{letter}_[a-z]{{3}}_[a-z]_'
      # One known stem has `.` before its last number.
      r'(?P<base>[a-z]{3}\d+)_(?P<donor>[a-z]{3}\d+)[_.]\d+)',
      masks=r'(?:Gt|CASIA 1\.0 groundtruth)/(?P<kind>CM|Sp)/'
      r'(?P<name>[^/]+)_gt',
      manipulation=manipulation,
      photographs=('{base}', '{donor}'),
  )


DATASET = spec.Dataset(
    name='casia1',
    description=(
        'CASIA Tampered Image Detection Evaluation Database v1.0: small JPEG '
        'images, forged by splicing and copy-move.'
    ),
    homepage='https://github.com/namtpham/casia1groundtruth',
    citation=(
        'J. Dong, W. Wang, T. Tan: CASIA image tampering detection evaluation '
        'database. ChinaSIP 2013.'
    ),
    layout=_LAYOUT,
    find_records=pairing.reader(
        _forged('D', 'splice'),
        _forged('S', 'copy-move'),
        pairing.ImagePattern(
            images=r'(?:CASIA 1\.0 dataset/)?Au/'
            r'Au_(?P<kind>[a-z]{3})_(?P<number>\d+)',
            photographs=('{kind}{number}',),
        ),
        layout=_LAYOUT,
    ),
    is_manipulated=pairing.white,
    # One of the forged images has no mask: 920 have.
    published={'manipulated': 921, 'pristine': 800},
)
