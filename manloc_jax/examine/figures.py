"""Writes the pictures of a section as HTML.

A picture is a link to itself. Its figure, once it is the target of the address,
takes the whole width: pictures enlarge without scripts and are stored once.
"""

import base64
from collections.abc import Sequence
import html
import io
import itertools

import numpy as np
from PIL import Image

from manloc_jax.examine import classical_maps
from manloc_jax.examine import ghosts
from manloc_jax.examine import section as section_lib

_QUALITY = 88
# For each group of pictures, its heading and a sentence.
_GROUPS = {
    classical_maps.GROUP: (
        'Classical maps',
        'The heat map is made from these and from statistics of noise. All have'
        ' the same colours, from dark for the value at the left of the bar'
        ' below to bright for that at its right; hatched blocks cannot be'
        ' measured. Each of them marks something in untouched photographs.',
    ),
    ghosts.GROUP: (
        'JPEG ghosts',
        'How much each block of 16x16 pixels changes when the image is saved'
        ' again at a quality, from dark at the quality that changes it least to'
        ' bright at the one that changes it most. A region that is darker than'
        ' its surroundings at one quality may have been saved at about that'
        ' quality before. It shows only where its grid still lies on that of'
        ' the image; smooth and bright areas are darker by nature.',
    ),
}


def of_section(
    key: str, pictures: Sequence[section_lib.Picture]
) -> str:
  """Returns the figures of a section, group by group.

  Args:
    key: The id of the section, to which enlarged pictures lead back.
    pictures: Those of a group follow each other.
  """
  return ''.join(
      _group(key, group, list(members))
      for group, members in itertools.groupby(pictures, lambda p: p.group)
  )


def _group(
    key: str, group: str, pictures: Sequence[section_lib.Picture]
) -> str:
  figures = ''.join(_figure(key, picture) for picture in pictures)
  if not group:
    return f'<div class="pictures">{figures}</div>'
  heading, sentence = _GROUPS[group]
  return (
      f'<h3>{heading}</h3><p class="soft">{sentence}</p>'
      f'<div class="pictures small {group}">{figures}</div>'
  )


def _figure(key: str, picture: section_lib.Picture) -> str:
  name = f'{key}-{picture.name}'
  caption = _text(picture.caption)
  title = f'<b>{_text(picture.title)}</b> ' if picture.title else ''
  scale = ''
  if picture.scale is not None:
    low, high, unit = map(_text, picture.scale)
    scale = (
        f'<div class="scale"><span>{low}</span><i></i><span>{high}</span></div>'
        f'<div class="unit">{unit}</div>'
    )
  address = data_uri(picture.pixels, 'PNG' if picture.group else 'JPEG')
  alt = _text(f'{picture.title}: {picture.caption}') if title else caption
  return (
      f'<figure id="{name}"><a href="#{name}" title="Enlarge">'
      f'<img src="{address}" alt="{alt}"></a>{scale}'
      f'<figcaption>{title}{caption}'
      f' <a class="back" href="#{key}">Reduce</a></figcaption></figure>'
  )


def data_uri(pixels: np.ndarray, kind: str = 'JPEG') -> str:
  """Returns a picture, uint8[h, w, 3], as an address that holds it.

  Args:
    pixels: RGB.
    kind: `JPEG`, or `PNG`, which suits maps of blocks.
  """
  file = io.BytesIO()
  image = Image.fromarray(np.ascontiguousarray(pixels))
  if kind == 'PNG':
    image = image.quantize()  # Exactly: maps have fewer colours than 256.
    image.save(file, kind, optimize=True)
  else:
    image.save(file, kind, quality=_QUALITY)
  text = base64.b64encode(file.getvalue()).decode('ascii')
  return f'data:image/{kind.lower()};base64,{text}'


def _text(value: str) -> str:
  return html.escape(value, quote=True)
