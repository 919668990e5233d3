"""Certificates for tests, by openssl."""

import subprocess


def self_signed(certificate, key, names="IP:127.0.0.1,DNS:localhost", days=2):
    """Writes a server's certificate that is its own authority, and its key; `names` as openssl's subjectAltName has them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", str(days), "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}",
                    # Some TLS libraries refuse the certificate of an authority as a server's.
                    "-addext", "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)
