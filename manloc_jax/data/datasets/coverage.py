"""COVERAGE: copy-moves among similar but genuine objects; the paper's third.

Pair N is `image/N.tif`, `image/Nt.tif` (forged) and `mask/Nforged.tif`; both
images are of one group. The masks of pairs 41, 48, 55 to 59, 61 and 95 have
another size than their image. Labels were corrected on 2017-09-27, after the
paper: older downloads name the wrong image of some pairs.

`mask/Ncopy.tif`, where there is one, is the source of the copy, which the mask
does not hold.
"""

import dataclasses
import pathlib

from manloc_jax.data import pairing
from manloc_jax.data import spec

_LAYOUT = 'COVERAGE must lie as image/{N,Nt}.tif and mask/Nforged.tif'
_OTHERS = r'mask/\d+(?:copy|paste)'
_find_pairs = pairing.reader(
    pairing.ImagePattern(
        images=r'image/(?P<pair>\d+)t',
        # Only the target counts, not the source of the copy, `Ncopy`.
        masks=r'mask/(?P<pair>\d+)forged',
        manipulation='copy-move',
        photographs=('{pair}',),
    ),
    pairing.ImagePattern(
        images=r'image/(?P<pair>\d+)', photographs=('{pair}',)
    ),
    others=_OTHERS,
    layout=_LAYOUT,
)


def find_records(root: pathlib.Path) -> pairing.Listing:
  """Lists the images; see `spec.Dataset.find_records`."""
  records, rejected = _find_pairs(root)
  return [_with_source(record) for record in records], rejected


def _with_source(record: spec.Record) -> spec.Record:
  if record.mask is None:
    return record
  name = record.mask.name.replace('forged', 'copy')
  source = record.mask.with_name(name)
  if source == record.mask or not source.is_file():
    return record
  return dataclasses.replace(record, source_mask=source)


DATASET = spec.Dataset(
    name='coverage',
    description=(
        'COVERAGE: 100 photographs forged by copy-move among similar but '
        'genuine objects, with their originals.'
    ),
    homepage='https://github.com/wenbihan/coverage',
    citation=(
        'B. Wen, Y. Zhu, R. Subramanian, T.-T. Ng, X. Shen, S. Winkler: '
        'COVERAGE - a novel database for copy-move forgery detection. '
        'ICIP 2016.'
    ),
    layout=_LAYOUT,
    find_records=find_records,
    is_manipulated=pairing.white,
    published={'manipulated': 100, 'pristine': 100},
    others=_OTHERS,
)
