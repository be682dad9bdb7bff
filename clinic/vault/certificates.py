"""The certificate that signs C2PA manifests: ES256, under an authority of this installation's own, made once.

The authority signs this one certificate, and its key is forgotten: nothing else can ever be signed in its name. A
hospital with an authority of its own puts key and chain in place of `c2pa.pem`, and its root in place of `c2pa-ca.pem`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clinic.vault.files import write_once

SIGNER, AUTHORITY = "c2pa.pem", "c2pa-ca.pem"
_VALID = timedelta(days=3650)


def claim_signer_pem(folder: Path) -> bytes:
    """PEM of the private key and of its chain, the signer's own certificate first, from `folder`/c2pa.pem (0600)."""
    path = folder / SIGNER
    if not path.exists():
        write_once(path, _made())
    whole = path.read_bytes()
    write_once(folder / AUTHORITY, x509.load_pem_x509_certificates(whole)[-1].public_bytes(Encoding.PEM), mode=0o644)
    return whole


def _made() -> bytes:
    authority, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    above = _name("Same Voice, this installation's own authority")
    root = (
        _begun(above, above, authority.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority, SHA256())
    )
    own = (
        _begun(_name("Same Voice, restored speech"), above, signer.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        # The purposes that C2PA's validators ask for.
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .sign(authority, SHA256())
    )
    key = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + own.public_bytes(Encoding.PEM) + root.public_bytes(Encoding.PEM)


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    today = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + _VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Same Voice"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, key_cert_sign=signs_certificates, crl_sign=signs_certificates,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip
