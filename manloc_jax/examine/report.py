"""Puts the sections of a file together to one report."""

from collections.abc import Callable
from concurrent import futures
import dataclasses
import datetime
import functools
import pathlib
from typing import Any

from manloc_jax import errors
from manloc_jax import provenance as provenance_lib
from manloc_jax.examine import credentials
from manloc_jax.examine import figures
from manloc_jax.examine import identity
from manloc_jax.examine import jpeg_history
from manloc_jax.examine import maps
from manloc_jax.examine import metadata
from manloc_jax.examine import opened_file
from manloc_jax.examine import provenance
from manloc_jax.examine import reading
from manloc_jax.examine import section as section_lib
from manloc_jax.examine import thumbnail
from manloc_jax.localization import localizer as localizer_lib
from manloc_jax.localization import overlay

SCHEMA_VERSION = 1
SCHEMA = pathlib.Path(__file__).with_name('report.schema.json')
_MINIATURE = 128  # Pixels of the longer side, in the index.
_OPTIONAL = ('c2pa-python', 'ImageHash')
# In the order of the report; that of maps needs a localizer.
_SECTIONS: dict[str, Callable[[opened_file.OpenedFile], section_lib.Section]]
_SECTIONS = {
    'identity': identity.section,
    'provenance': provenance.section,
    'metadata': metadata.section,
    'jpeg_history': jpeg_history.section,
    'thumbnail': thumbnail.section,
}


@dataclasses.dataclass(frozen=True)
class Report:
  """A report.

  Attributes:
    record: As JSON holds it, see `report.schema.json`; its texts are inert.
    pictures: By section.
  """

  record: dict[str, Any]
  pictures: dict[str, tuple[section_lib.Picture, ...]]


def made_by(
    localizer: localizer_lib.Localizer,
    trust_list: credentials.TrustList | None = None,
) -> dict[str, Any]:
  """Returns what a report depends on besides the file."""
  list_facts = (
      {'trust_list_sha256': trust_list.sha256} if trust_list else {}
  )
  return {
      **localizer.provenance,
      **list_facts,
      'schema_version': SCHEMA_VERSION,
      'version': provenance_lib.VERSION,
      'packages': provenance_lib.versions(_OPTIONAL),
  }


def build(
    path: pathlib.Path,
    name: str,
    localizer: localizer_lib.Localizer,
    trust_list: credentials.TrustList | None = None,
) -> Report:
  """Examines a file.

  Args:
    path: The file.
    name: What the report calls it.
    localizer: Makes the map.
    trust_list: Of signers of credentials.

  Raises:
    DataError: It cannot be read, or is no image.
  """
  file = opened_file.OpenedFile(path, name)
  sources = functools.partial(provenance.section, trust_list=trust_list)
  # The maps take longest, and leave a core idle now and then.
  with futures.ThreadPoolExecutor(1) as pool:
    drawn = pool.submit(maps.section, file, localizer)
    sections = {
        key: _guarded(sources if make is provenance.section else make, file)
        for key, make in _SECTIONS.items()
    }
    sections['maps'] = drawn.result()
  facts = {key: item.facts for key, item in sections.items()}
  record = section_lib.inert({
      'schema_version': SCHEMA_VERSION,
      'file': name,
      'time': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
      'reading': reading.read(facts),
      **facts,
      'pictures': [
          {'section': key, 'name': picture.name, 'caption': picture.caption}
          for key, item in sections.items()
          for picture in item.pictures
      ],
  })
  record['made_by'] = made_by(localizer, trust_list)
  record['miniature'] = _miniature(sections['maps'])
  pictures = {key: item.pictures for key, item in sections.items()}
  return Report(record, pictures)


def _guarded(
    make: Callable[[opened_file.OpenedFile], section_lib.Section],
    file: opened_file.OpenedFile,
) -> section_lib.Section:
  """Makes a section; one that fails does not take the others with it."""
  try:
    return make(file)
  except errors.UserError:
    raise
  except Exception as error:  # Of bytes that no parser foresaw.
    if errors.is_out_of_memory(error):
      reason = 'There is too little memory for this section.'
    else:
      reason = (
          'This section failed on the bytes of the file'
          f' ({type(error).__name__}: {error}); please report it.'
      )
    return section_lib.Section({'failed': section_lib.cannot_tell(reason)})


def _miniature(section: section_lib.Section) -> str | None:
  if not section.pictures:
    return None
  reduced = overlay.reduce(section.pictures[0].pixels, _MINIATURE)
  return figures.data_uri(reduced)
