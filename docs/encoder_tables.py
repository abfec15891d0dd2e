"""Reads the quantization tables of cameras from photographs they wrote.

  python docs/encoder_tables.py FOLDER manloc_jax/examine/encoder_tables.json

FOLDER holds JPEG files as cameras wrote them. The committed file was made from
the collection metadata-extractor-images (github.com/drewnoakes), of which its
README says "free to use these media files however you wish". It holds hashes of
tables and names of cameras, and no part of a photograph. Tables that libjpeg
writes as well are left out: they tell no camera.
"""

import pathlib
import sys

from manloc_jax import files
from manloc_jax.data import spec
from manloc_jax.examine import encoder_tables
from manloc_jax.examine import jpeg_segments
from manloc_jax.examine import metadata
from manloc_jax.examine import opened_file

SOURCE = 'metadata-extractor-images, free for any use'


def main(folder: str, out: str) -> None:
  cameras: dict[str, set[str]] = {}
  for path in sorted(pathlib.Path(folder).rglob('*')):
    if path.suffix.lower() not in ('.jpg', '.jpeg'):
      continue
    try:
      file = opened_file.OpenedFile(path)
    except spec.DataError:
      continue
    segments, _ = jpeg_segments.walk(file.data)
    frame = jpeg_segments.frame(segments)
    facts = metadata.section(file).facts
    summary = facts['summary']
    if frame is None or not (summary['make'] and summary['model']):
      continue
    was_changed = any(
        flag['id'] in ('editor_named', 'size_differs')
        for flag in facts['flags']
    )
    # Photoshop and its like write these; cameras write baseline files.
    was_changed |= frame.name == 'SOF2' or any(
        segment.name in ('APP13', 'APP14') for segment in segments
    )
    luma, chroma = encoder_tables.of_frame(
        jpeg_segments.tables(segments), frame
    )
    if luma is None or was_changed:
      continue
    if encoder_tables.standard_quality(luma) is not None:
      continue
    key = encoder_tables.fingerprint(luma, chroma)
    make, model = summary['make'].strip(), summary['model'].strip()
    name = model if model.startswith(make) else f'{make} {model}'
    cameras.setdefault(key, set()).add(name)
  content = {key: sorted(names) for key, names in sorted(cameras.items())}
  files.write_json(out, {'source': SOURCE, 'cameras': content})


if __name__ == '__main__':
  main(*sys.argv[1:])
