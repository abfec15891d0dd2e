"""Content Credentials, declared sources, settings of generators."""

import pytest
import signing
import specimens

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
