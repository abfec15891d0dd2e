"""Signs Content Credentials with a certificate made for the test."""

import datetime
import io
import json

PARAMETERS = 'http://cv.iptc.org/newscodes/digitalsourcetype/'


def make_signer():
  """Returns a signer of `c2pa` and the certificate of its authority, PEM."""
  import c2pa
  from cryptography import x509
  from cryptography.hazmat.primitives import hashes
  from cryptography.hazmat.primitives import serialization
  from cryptography.hazmat.primitives.asymmetric import ec
  from cryptography.x509 import oid

  now = datetime.datetime.now(datetime.UTC)
  issuer_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

  def name(text: str) -> x509.Name:
    return x509.Name([
        x509.NameAttribute(oid.NameOID.ORGANIZATION_NAME, text),
        x509.NameAttribute(oid.NameOID.COMMON_NAME, text),
    ])

  def certificate(subject, public, is_authority):
    usages = dict.fromkeys(
        (
            'content_commitment', 'crl_sign', 'data_encipherment',
            'decipher_only', 'encipher_only', 'key_agreement',
            'key_cert_sign', 'key_encipherment',
        ),
        False,
    )  # fmt: skip
    usages |= {'key_cert_sign': is_authority, 'crl_sign': is_authority}
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name('Test Root'))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(is_authority, None), True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_authority, **usages), True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(
                issuer_key.public_key()
            ),
            False,
        )
    )
    if not is_authority:
      builder = builder.add_extension(
          x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]),
          True,
      )
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(
        serialization.Encoding.PEM
    )

  root = certificate('Test Root', issuer_key.public_key(), True)
  chain = certificate('Test Signer', key.public_key(), False) + root
  secret = key.private_bytes(
      serialization.Encoding.PEM,
      serialization.PrivateFormat.PKCS8,
      serialization.NoEncryption(),
  )
  info = c2pa.C2paSignerInfo(
      alg=b'es256', sign_cert=chain, private_key=secret, ta_url=b''
  )
  info.ta_url = None  # No server stamps the time; older versions ask for one.
  return c2pa.Signer.from_info(info), root


def certificate_of_an_authority() -> bytes:
  """Returns one that has signed nothing, as PEM."""
  return make_signer()[1]


def sign(
    jpeg: bytes,
    source_type: str,
    remote_url: str | None = None,
    signer=None,
) -> bytes:
  """Returns a JPEG file with credentials that say how it came about.

  Args:
    jpeg: The file.
    source_type: Of the action `c2pa.created`.
    remote_url: Where the manifest lies, in place of the file.
    signer: By default one that nobody trusts.
  """
  import c2pa

  manifest = {
      'claim_generator_info': [{'name': 'Test Tool', 'version': '1.0'}],
      'title': 'test.jpg',
      'format': 'image/jpeg',
      'assertions': [{
          'label': 'c2pa.actions',
          'data': {'actions': [{
              'action': 'c2pa.created',
              'digitalSourceType': PARAMETERS + source_type,
          }]},
      }],
  }  # fmt: skip
  out = io.BytesIO()
  with c2pa.Builder.from_json(json.dumps(manifest)) as builder:
    if remote_url:
      builder.set_remote_url(remote_url)
      builder.set_no_embed()
    signer = signer or make_signer()[0]
    builder.sign(signer, 'image/jpeg', io.BytesIO(jpeg), out)
  return out.getvalue()
