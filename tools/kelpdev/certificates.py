"""Certificates for tests, by openssl."""

import subprocess


def self_signed(certificate, key, names="IP:127.0.0.1,DNS:localhost", days=2):
    """Writes a server's certificate that is its own authority, and its key; `names` as openssl's subjectAltName has them."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", str(days), "-subj", "/CN=localhost", "-addext", f"subjectAltName={names}",
                    # Some TLS libraries refuse the certificate of an authority as a server's.
                    "-addext", "basicConstraints=critical,CA:FALSE"], check=True, capture_output=True)


def authority(certificate, key):
    """Writes the certificate of an authority, and its key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", certificate, "-days", "2", "-subj", "/CN=authority of a test", "-addext", "keyUsage=critical,keyCertSign"],
                   check=True, capture_output=True)


def signed(certificate, key, by, names):
    """Writes a server's certificate and its key, signed by the authority whose certificate and key are the pair `by`."""
    request, extensions = f"{certificate}.request", f"{certificate}.extensions"
    with open(extensions, "w") as file:
        file.write(f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n")
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                    "-out", request, "-subj", "/CN=server"], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", by[0], "-CAkey", by[1], "-CAcreateserial", "-days", "2",
                    "-extfile", extensions, "-out", certificate], check=True, capture_output=True)
