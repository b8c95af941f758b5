# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Certificates and SuperNode keys, made anew for every test session.

The keys are made by the `cryptography` package of a test environment, whose python runs this file as a program; the
python that runs pytest need not have it.
"""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Credentials:
    """A folder with two certificate authorities, a server certificate and some SuperNode keys."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority that signed the server's certificate."""
        return self.folder / "ca.pem"

    @property
    def other_ca(self) -> Path:
        """An authority that signed nothing."""
        return self.folder / "other-ca.pem"

    @property
    def certificate(self) -> Path:
        """The server's certificate, for 127.0.0.1 and localhost."""
        return self.folder / "server.pem"

    @property
    def certificate_key(self) -> Path:
        """The key of the server's certificate."""
        return self.folder / "server.key"

    def node_key(self, name: str) -> Path:
        """The private key of a SuperNode, in OpenSSH's format."""
        return self.folder / f"node-{name}"

    def node_public_key(self, name: str) -> Path:
        """The public key that goes with `node_key`, as `flwr supernode register` takes it."""
        return self.folder / f"node-{name}.pub"


def make_credentials(python: Path, folder: Path, node_names: list[str]) -> Credentials:
    """Fills `folder`; `python` is one that has the `cryptography` package."""
    folder.mkdir(parents=True)
    subprocess.run([python, __file__, folder, *node_names], check=True)
    return Credentials(folder)


def _main(folder: Path, node_names: list[str]) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as ser
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)
    pem, unencrypted = ser.Encoding.PEM, ser.NoEncryption()

    def builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        return made.not_valid_after(now + datetime.timedelta(days=2))

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])

    def authority(text: str, file: str) -> ec.EllipticCurvePrivateKey:
        key = ec.generate_private_key(ec.SECP256R1())
        made = builder(name(text), name(text), key).add_extension(x509.BasicConstraints(True, 0), True)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
        usage |= dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True)
        made = made.add_extension(x509.KeyUsage(**usage), True)
        (folder / file).write_bytes(made.sign(key, hashes.SHA256()).public_bytes(pem))
        return key

    ca_key = authority("flwrcpp test authority", "ca.pem")
    authority("flwrcpp other authority", "other-ca.pem")

    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    made = builder(name("localhost"), name("flwrcpp test authority"), key)
    made = made.add_extension(x509.SubjectAlternativeName(names), False)
    made = made.add_extension(x509.BasicConstraints(False, None), True)
    made = made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
    (folder / "server.pem").write_bytes(made.sign(ca_key, hashes.SHA256()).public_bytes(pem))
    (folder / "server.key").write_bytes(key.private_bytes(pem, ser.PrivateFormat.PKCS8, unencrypted))

    for node in node_names:
        key = ec.generate_private_key(ec.SECP384R1())
        private = folder / f"node-{node}"
        private.write_bytes(key.private_bytes(pem, ser.PrivateFormat.OpenSSH, unencrypted))
        private.chmod(0o600)
        public = key.public_key().public_bytes(ser.Encoding.OpenSSH, ser.PublicFormat.OpenSSH)
        (folder / f"node-{node}.pub").write_bytes(public)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2:])
