"""Rules on where a file says that it comes from."""

from typing import Any

from manloc_jax.examine import provenance
from manloc_jax.examine.rules import facts as facts_lib

_MISMATCH = 'mismatch'  # In the codes of hashes that differ.


def credentials_broken(facts: facts_lib.Facts) -> str | None:
  """Credentials are there, and signature or hashes do not fit the file."""
  if facts_lib.get(facts, 'provenance', 'credentials', 'state') != 'invalid':
    return None
  codes = facts_lib.get(facts, 'provenance', 'credentials', 'failures') or []
  if any(_MISMATCH in code for code in codes):
    return (
        'The Content Credentials do not fit the file: it was changed after it'
        ' was signed, by a program that did not renew them.'
    )
  return f'The Content Credentials are invalid ({", ".join(codes) or "?"}).'


def declared_generated(facts: facts_lib.Facts) -> str | None:
  """The file itself says that it, or a part, was made by a trained model."""
  types = list(facts_lib.get(facts, 'provenance', 'digital_source_types') or ())
  if facts_lib.get(facts, 'provenance', 'credentials', 'state') == 'valid':
    types += facts_lib.get(
        facts, 'provenance', 'credentials', 'digital_source_types'
    ) or ()  # fmt: skip
  named = [name for name in types if name in provenance.AI_TYPES]
  if not named:
    return None
  return f'The file says that a trained model made it or a part: {named[0]}.'


def generator_settings(facts: facts_lib.Facts) -> str | None:
  """The settings of an image generator stand in the file."""
  found = facts_lib.get(facts, 'provenance', 'generator_settings')
  if not found:
    return None
  return f'The file holds the settings of an image generator: {_names(found)}.'


def _names(found: list[dict[str, Any]]) -> str:
  return ', '.join(dict.fromkeys(item['generator'] for item in found))


def credentials_hold(facts: facts_lib.Facts) -> str | None:
  """Credentials are there, and fit the file."""
  if facts_lib.get(facts, 'provenance', 'credentials', 'state') != 'valid':
    return None
  signer = facts_lib.get(facts, 'provenance', 'credentials', 'signer')
  is_trusted = facts_lib.get(
      facts, 'provenance', 'credentials', 'signer_is_trusted'
  )
  trust = {
      True: 'an authority of the trust list vouches for that signer',
      False: 'no authority of the trust list vouches for that signer',
  }.get(is_trusted, 'whether that signer is to be trusted was not checked')
  return (
      'The Content Credentials fit the file: it is as it was signed, by'
      f' {signer or "nobody named"}; {trust}.'
  )


def no_credentials(facts: facts_lib.Facts) -> str | None:
  """There are no credentials."""
  if facts_lib.get(facts, 'provenance', 'credentials', 'state') != 'absent':
    return None
  return (
      'There are no Content Credentials. Absence of metadata or credentials is'
      ' no evidence of tampering: most files have none.'
  )
