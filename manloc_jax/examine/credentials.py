"""Content Credentials (C2PA): who signed what about a file, read offline."""

from collections.abc import Iterator
import dataclasses
import hashlib
import io
import json
import ssl
from typing import Any

from manloc_jax import errors
from manloc_jax import files
from manloc_jax.examine import opened_file
from manloc_jax.examine import section as section_lib

_TYPES = {
    'JPEG': 'image/jpeg', 'PNG': 'image/png', 'WEBP': 'image/webp',
    'TIFF': 'image/tiff', 'HEIF': 'image/heic', 'AVIF': 'image/avif',
    'GIF': 'image/gif',
}  # fmt: skip
# The label of a manifest store in its box, wherever the container puts it.
_STORE = b'jumdc2pa'
_MOST_LISTED = 50
# Nothing may leave the machine.
_OFFLINE = {'verify': {'remote_manifest_fetch': False, 'ocsp_fetch': False}}
_TRUSTED = 'signingCredential.trusted'
_UNTRUSTED = 'signingCredential.untrusted'
_MOST_LIST_BYTES = 5_000_000


@dataclasses.dataclass(frozen=True)
class TrustList:
  """Certificates of authorities whose signers are trusted.

  Attributes:
    certificates: In PEM, one after the other.
    sha256: Of the file that they were read from.
  """

  certificates: str
  sha256: str


def read_trust_list(path: str) -> TrustList:
  """Reads a PEM file of certificates of authorities.

  Raises:
    UserError: The file cannot be read or holds no such certificate, or the
      package that reads credentials is not installed.
  """
  try:
    import c2pa  # noqa: F401
  except ImportError:
    raise errors.UserError(
        'Content Credentials are read with c2pa-python, which is not installed:'
        " pip install '.[examine]' in the project's folder, or leave"
        ' --trust_list out.'
    ) from None
  try:
    data = files.read_bytes(path, _MOST_LIST_BYTES)
    text = data.decode('ascii', 'replace').replace('\ufffd', '?')
    # The library passes over what it cannot parse, and would trust nobody.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=text)
  except (ValueError, ssl.SSLError) as error:
    raise _bad_list(path, 'it holds what is no certificate') from error
  except OSError as error:
    raise _bad_list(path, error.strerror) from error
  if not context.get_ca_certs():
    raise _bad_list(path, 'it holds no certificate of an authority')
  return TrustList(text, hashlib.sha256(data).hexdigest())


def _bad_list(path: str, reason: str | None) -> errors.UserError:
  return errors.UserError(
      f'The trust list {path} cannot be used ({reason}); give --trust_list a'
      ' PEM file with the certificates of authorities.'
  )


def read(
    file: opened_file.OpenedFile, trust_list: TrustList | None = None
) -> dict[str, Any]:
  """Returns the state and the claims of the credentials of a file.

  The state is `absent`, `valid` where the signature and all hashes are right,
  or `invalid`. Whether the signer is to be trusted is another question, which
  only a list of authorities answers.
  """
  has_store = _STORE in file.data
  if file.kind not in _TYPES:
    return section_lib.cannot_tell(
        f'Content Credentials are not read from {file.kind} files.'
    )
  try:
    import c2pa
  except ImportError:
    return section_lib.cannot_tell(
        'The package c2pa-python is not installed, so that Content Credentials'
        f' were not read; the file {"has" if has_store else "seems to have no"}'
        " manifest; install it with pip install 'manloc_jax[examine]'."
    )
  try:
    settings = c2pa.Settings.from_dict(_settings(trust_list))
    context = c2pa.Context(settings=settings)
    stream = io.BytesIO(file.data)
    with c2pa.Reader(_TYPES[file.kind], stream, context=context) as reader:
      return _describe(json.loads(reader.json()), trust_list)
  except c2pa.C2paError.ManifestNotFound:
    return {'state': 'absent'}
  except c2pa.C2paError as error:
    reason = str(error)
    if reason.startswith('Remote'):
      return {
          'state': 'remote',
          'claims': section_lib.cannot_tell(
              'The manifest lies on a server, and nothing is fetched.'
          ),
      }
    if not has_store:
      return section_lib.cannot_tell(
          f'The library found no manifest before it gave up ({reason}).'
      )
    return section_lib.cannot_tell(
        f'There is a manifest that the library cannot read ({reason}).'
    )


def _settings(trust_list: TrustList | None) -> dict[str, Any]:
  """Returns the settings of the library."""
  if trust_list is None:
    return _OFFLINE
  return {
      'verify': {**_OFFLINE['verify'], 'verify_trust': True},
      'trust': {'trust_anchors': trust_list.certificates},
  }


def _describe(
    store: dict[str, Any], trust_list: TrustList | None
) -> dict[str, Any]:
  """Returns what the active manifest claims.

  Args:
    store: Of the library's JSON; its values come from the file.
    trust_list: That the library was given.
  """
  active = store.get('active_manifest')
  manifest = (store.get('manifests') or {}).get(active) or {}
  failures = [
      status.get('code', '')
      for status in store.get('validation_status') or []
      if status.get('code') != _UNTRUSTED
  ]
  signature = manifest.get('signature_info') or {}
  state = store.get('validation_state')
  return {
      'state': 'invalid' if state == 'Invalid' else 'valid',
      'failures': [str(code) for code in failures[:_MOST_LISTED]],
      'signer': _text(signature.get('issuer')),
      'signed_at': _text(signature.get('time')),
      'signer_is_trusted': _is_trusted(store, trust_list),
      'generators': [
          ' '.join(
              str(info[key]) for key in ('name', 'version') if key in info
          )
          for info in _list(manifest, 'claim_generator_info')
      ],
      'actions': [
          _text(action.get('action')) for action in _actions(manifest)
      ],
      'digital_source_types': list(dict.fromkeys(
          str(action['digitalSourceType']).rsplit('/', 1)[-1]
          for action in _actions(manifest)
          if 'digitalSourceType' in action
      )),
      'ingredients': [
          {
              'title': _text(item.get('title')),
              'relationship': _text(item.get('relationship')),
          }
          for item in _list(manifest, 'ingredients')
      ],
      'manifests': len(store.get('manifests') or {}),
  }  # fmt: skip


def _is_trusted(
    store: dict[str, Any], trust_list: TrustList | None
) -> bool | dict[str, str]:
  """Tells whether an authority of the list vouches for the signer."""
  if trust_list is None:
    return section_lib.cannot_tell(
        'No list of trusted signers was given, and anybody can sign with any'
        ' name.'
    )
  active = (store.get('validation_results') or {}).get('activeManifest') or {}
  for kind, code in (('success', _TRUSTED), ('failure', _UNTRUSTED)):
    if any(status.get('code') == code for status in active.get(kind) or []):
      return code == _TRUSTED
  return section_lib.cannot_tell('The signature could not be checked.')


def _list(manifest: dict[str, Any], key: str) -> list[dict[str, Any]]:
  return (manifest.get(key) or [])[:_MOST_LISTED]


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
  count = 0
  for assertion in manifest.get('assertions') or []:
    if not str(assertion.get('label')).startswith('c2pa.actions'):
      continue
    data = assertion.get('data')
    for action in (data.get('actions') if isinstance(data, dict) else []) or []:
      if isinstance(action, dict) and count < _MOST_LISTED:
        count += 1
        yield action


def _text(value: Any) -> str | None:
  return None if value is None else str(value)
