# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the key files of this folder with the Python package `cryptography`.

The keys are for tests only. The `p384.encrypted.openssh` and `p384.ssh-keygen.openssh` files come
from `ssh-keygen -t ecdsa -b 384`, with and without a passphrase.
"""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

HERE = Path(__file__).parent
PRIVATE = serialization.PrivateFormat
PUBLIC = serialization.PublicFormat
PEM = serialization.Encoding.PEM
PLAIN = serialization.NoEncryption()


def write_private(key, name, form, encryption=PLAIN):
    (HERE / name).write_bytes(key.private_bytes(PEM, form, encryption))


for curve in (ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()):
    key = ec.generate_private_key(curve)
    name = f"p{curve.key_size}"
    write_private(key, f"{name}.openssh", PRIVATE.OpenSSH)
    public = key.public_key()
    (HERE / f"{name}.public.pem").write_bytes(public.public_bytes(PEM, PUBLIC.SubjectPublicKeyInfo))
    (HERE / f"{name}.openssh.pub").write_bytes(
        public.public_bytes(serialization.Encoding.OpenSSH, PUBLIC.OpenSSH)
    )
    if name == "p384":
        write_private(key, "p384.pkcs8.pem", PRIVATE.PKCS8)
        write_private(key, "p384.sec1.pem", PRIVATE.TraditionalOpenSSL)
        secret = serialization.BestAvailableEncryption(b"secret")
        write_private(key, "p384.encrypted.pem", PRIVATE.PKCS8, secret)

other = ed25519.Ed25519PrivateKey.generate()
write_private(other, "ed25519.openssh", PRIVATE.OpenSSH)
write_private(other, "ed25519.pkcs8.pem", PRIVATE.PKCS8)
