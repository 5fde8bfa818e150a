"""A certificate of this installation's own, for TLS on the machine it runs on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ops_console.var_dir import write_private

NAMES = (
    x509.DNSName("localhost"),
    x509.IPAddress(ip_address("127.0.0.1")),
    x509.IPAddress(ip_address("::1")),
)
# Browsers take none that is good for longer.
GOOD_FOR = timedelta(days=397)
# One that ends within this time is made anew.
RENEWED_BEFORE = timedelta(days=30)


def own_certificate(folder: Path, *, now: datetime | None = None) -> tuple[Path, Path]:
    """The files of a certificate for localhost and of its key; made unless there is one that is good for a while."""
    now = now or datetime.now(UTC)
    certificate, key = folder / "localhost.pem", folder / "localhost-key.pem"
    if not (key.exists() and certificate.exists() and _ends(certificate) > now + RENEWED_BEFORE):
        folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        private = ec.generate_private_key(ec.SECP256R1())
        write_private(key, _pem(private))
        write_private(certificate, _signed_by_itself(private, now).public_bytes(serialization.Encoding.PEM).decode())
        certificate.chmod(0o644)
    return certificate, key


def _ends(certificate: Path) -> datetime:
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc


def _pem(private: ec.EllipticCurvePrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private.private_bytes(*form).decode()


def _signed_by_itself(private: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    public = private.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + GOOD_FOR)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        # No authority: whoever comes to trust it trusts it for these names only.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(private, hashes.SHA256())
    )
