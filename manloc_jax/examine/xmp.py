"""Reads XMP packets: XML of strangers, without entities and within bounds."""

import dataclasses
from xml.parsers import expat

MOST_BYTES = 1_000_000  # Of a packet that is read.
MOST_PROPERTIES = 2_000
_MOST_TEXT = 4_000  # Characters of one value that are kept.
_MOST_DEPTH = 100
_RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#'
_PREFIXES = {
    'http://ns.adobe.com/xap/1.0/': 'xmp',
    'http://ns.adobe.com/xap/1.0/mm/': 'xmpMM',
    'http://ns.adobe.com/xap/1.0/rights/': 'xmpRights',
    'http://ns.adobe.com/xap/1.0/sType/ResourceEvent#': 'stEvt',
    'http://ns.adobe.com/xap/1.0/sType/ResourceRef#': 'stRef',
    'http://ns.adobe.com/photoshop/1.0/': 'photoshop',
    'http://ns.adobe.com/tiff/1.0/': 'tiff',
    'http://ns.adobe.com/exif/1.0/': 'exif',
    'http://ns.adobe.com/exif/1.0/aux/': 'aux',
    'http://ns.adobe.com/camera-raw-settings/1.0/': 'crs',
    'http://purl.org/dc/elements/1.1/': 'dc',
    'http://purl.org/dc/terms/': 'dcterms',
    'http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/': 'Iptc4xmpCore',
    'http://iptc.org/std/Iptc4xmpExt/2008-02-29/': 'Iptc4xmpExt',
    'http://ns.google.com/photos/1.0/camera/': 'GCamera',
    'http://ns.google.com/photos/1.0/container/': 'Container',
    _RDF: 'rdf',
}


@dataclasses.dataclass(frozen=True)
class Property:
  """A value of a packet.

  Attributes:
    name: With the usual prefix of its namespace, such as `dc:creator`.
    value: Its text.
  """

  name: str
  value: str


class _Reader:
  """Collects attributes and texts of elements in the order of the packet."""

  def __init__(self) -> None:
    self.properties: list[Property] = []
    self._names: list[str] = []
    self._texts: list[str] = []

  def refuse(self, *_) -> None:
    raise ValueError('it declares a document type, which may hold entities')

  def start(self, name: str, attributes: dict[str, str]) -> None:
    """Takes an element's beginning; raises ValueError below `_MOST_DEPTH`."""
    if len(self._names) >= _MOST_DEPTH:
      raise ValueError('it is nested too deeply')
    self._names.append(_short(name))
    self._texts.append('')
    for key, value in attributes.items():
      short = _short(key)
      if short == 'rdf:resource':  # The value of the element around it.
        self._add(_short(name), value)
      elif not short.startswith(('rdf:', 'http://www.w3.org/XML/')):
        self._add(short, value)

  def text(self, text: str) -> None:
    if self._texts and len(self._texts[-1]) < _MOST_TEXT:
      self._texts[-1] += text[:_MOST_TEXT]

  def end(self, _) -> None:
    text = self._texts.pop().strip()
    if text:
      # Items of lists are named after the property that holds the list.
      named = [name for name in self._names if not name.startswith('rdf:')]
      self._add(named[-1] if named else self._names[-1], text)
    self._names.pop()

  def _add(self, name: str, value: str) -> None:
    if len(self.properties) < MOST_PROPERTIES:
      self.properties.append(Property(name, value[:_MOST_TEXT]))


def _short(name: str) -> str:
  namespace, _, local = name.rpartition(' ')
  prefix = _PREFIXES.get(namespace, namespace)
  return f'{prefix}:{local}' if prefix else local


def read(packet: bytes) -> list[Property]:
  """Returns the properties of a packet.

  Raises:
    ValueError: It is no XML, is too long or too deep, or declares a document
      type.
  """
  if len(packet) > MOST_BYTES:
    raise ValueError(f'it has more than {MOST_BYTES:,} bytes')
  reader = _Reader()
  parser = expat.ParserCreate(namespace_separator=' ')
  parser.StartDoctypeDeclHandler = reader.refuse
  parser.StartElementHandler = reader.start
  parser.EndElementHandler = reader.end
  parser.CharacterDataHandler = reader.text
  try:
    parser.Parse(packet.strip(b'\0 \r\n\t'), True)
  except expat.ExpatError as error:
    raise ValueError(f'it is no XML ({error})') from None
  return reader.properties


def values(properties: list[Property], *names: str) -> list[str]:
  """Returns the values of properties with one of these names."""
  return [item.value for item in properties if item.name in names]
