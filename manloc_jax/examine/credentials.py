"""Content Credentials (C2PA): who signed what about a file, read offline."""

from collections.abc import Iterator
import io
import json
from typing import Any

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
_UNTRUSTED = 'signingCredential.untrusted'


def read(file: opened_file.OpenedFile) -> dict[str, Any]:
  """Returns the state and the claims of the credentials of a file.

  The state is `absent`, `valid` where the signature and all hashes are right,
  or `invalid`. Whether the signer is to be trusted is another question.
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
    context = c2pa.Context(settings=c2pa.Settings.from_dict(_OFFLINE))
    stream = io.BytesIO(file.data)
    with c2pa.Reader(_TYPES[file.kind], stream, context=context) as reader:
      return _describe(json.loads(reader.json()))
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


def _describe(store: dict[str, Any]) -> dict[str, Any]:
  """Returns what the active manifest claims.

  Args:
    store: Of the library's JSON; its values come from the file.
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
      'signer_is_trusted': section_lib.cannot_tell(
          'No list of trusted signers was given, and anybody can sign with any'
          ' name.'
      ),
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
