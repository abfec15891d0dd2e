"""Content Credentials, declared sources, settings of generators."""

import pytest
import signing
import specimens

from manloc_jax import errors
from manloc_jax.examine import credentials
from manloc_jax.examine import provenance
from manloc_jax.examine import section as section_lib


@pytest.fixture
def signed():
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  return signing.sign(specimens.jpeg(), 'trainedAlgorithmicMedia')


def test_credentials_hold(opened, signed):
  facts = provenance.section(opened(signed)).facts['credentials']
  assert facts['state'] == 'valid' and facts['failures'] == []
  assert facts['signer'] == 'Test Signer'
  assert facts['digital_source_types'] == ['trainedAlgorithmicMedia']
  assert facts['actions'] == ['c2pa.created']
  assert facts['generators'] == ['Test Tool 1.0']
  assert not section_lib.is_told(facts['signer_is_trusted'])


def test_credentials_of_a_changed_file_are_invalid(opened, signed):
  changed = bytearray(signed)
  changed[-200] ^= 1
  facts = provenance.section(opened(bytes(changed))).facts['credentials']
  assert facts['state'] == 'invalid'
  assert 'assertion.dataHash.mismatch' in facts['failures']


@pytest.fixture
def trust_list(tmp_path):
  """Writes certificates to a file and reads them."""

  def make(data: bytes) -> credentials.TrustList:
    (tmp_path / 'list.pem').write_bytes(data)
    return credentials.read_trust_list(str(tmp_path / 'list.pem'))

  return make


def test_who_is_trusted_is_said_by_a_list(opened, trust_list):
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  signer, root = signing.make_signer()
  file = opened(signing.sign(specimens.jpeg(), 'digitalCapture', None, signer))
  other = signing.certificate_of_an_authority()

  def read(certificates: bytes | None) -> dict:
    made = trust_list(certificates) if certificates else None
    return provenance.section(file, made).facts['credentials']

  comment = 'Größere\n# Liste\n'.encode()
  for certificates, want in (
      (root, True), (comment + other + root, True), (other, False),
  ):  # fmt: skip
    facts = read(certificates)
    assert facts['state'] == 'valid' and facts['failures'] == []
    assert facts['signer_is_trusted'] is want
  assert not section_lib.is_told(read(None)['signer_is_trusted'])


def test_a_changed_file_of_a_trusted_signer_is_invalid(opened, trust_list):
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  signer, root = signing.make_signer()
  data = bytearray(
      signing.sign(specimens.jpeg(), 'digitalCapture', None, signer)
  )
  data[-200] ^= 1
  section = provenance.section(opened(bytes(data)), trust_list(root))
  facts = section.facts['credentials']
  assert facts['state'] == 'invalid' and facts['signer_is_trusted'] is True


def test_lists_that_cannot_be_used_are_refused(trust_list, tmp_path):
  pytest.importorskip('c2pa')
  pytest.importorskip('cryptography')
  root = signing.certificate_of_an_authority()
  bad = (
      b'', b'no list', root[:-90], b'\xff\xd8\xff', root.replace(b'M', b'N'),
      bytes(6_000_000),
  )  # fmt: skip
  for data in bad:
    with pytest.raises(errors.UserError, match='trust list .* cannot be used'):
      trust_list(data)
  for path in (tmp_path, tmp_path / 'none.pem'):
    with pytest.raises(errors.UserError, match='cannot be used'):
      credentials.read_trust_list(str(path))


def test_credentials_on_a_server_are_not_fetched(opened, signed, monkeypatch):
  import socket

  def refuse(*_):
    raise AssertionError('a connection')

  address = 'http://127.0.0.1:9/manifest.c2pa'
  data = signing.sign(specimens.jpeg(), 'digitalCapture', address)
  monkeypatch.setattr(socket.socket, 'connect', refuse)
  facts = provenance.section(opened(data)).facts['credentials']
  assert facts['state'] == 'remote'
  assert not section_lib.is_told(facts['claims'])


def test_no_credentials_and_broken_ones(opened, signed):
  facts = provenance.section(opened(specimens.jpeg())).facts['credentials']
  assert facts == {'state': 'absent'}
  facts = provenance.section(opened(signed[:3_000])).facts['credentials']
  assert facts.get('state') != 'valid'


def test_settings_of_generators_and_declared_types(opened):
  text = 'a cat\nSteps: 20, Sampler: Euler a, Seed: 1'
  data = specimens.png({'parameters': text, 'Title': 'x'})
  (found,) = provenance.section(opened(data)).facts['generator_settings']
  assert found == {
      'generator': 'Stable Diffusion web UI', 'field': 'parameters',
      'value': text,
  }  # fmt: skip
  comment = b'UNICODE\0' + text.encode('utf-16-be')
  block = specimens.exif({}, {37510: comment})
  (found,) = provenance.section(
      opened(specimens.jpeg(exif=block))
  ).facts['generator_settings']
  assert found['field'] == 'UserComment'
  packet = specimens.xmp(
      '',
      '<Iptc4xmpExt:DigitalSourceType rdf:resource="http://cv.iptc.org/'
      'newscodes/digitalsourcetype/trainedAlgorithmicMedia"/>',
  )
  data = specimens.with_segments(
      specimens.jpeg(), specimens.xmp_segment(packet)
  )
  facts = provenance.section(opened(data)).facts
  assert facts['digital_source_types'] == ['trainedAlgorithmicMedia']
  assert not facts['generator_settings']
