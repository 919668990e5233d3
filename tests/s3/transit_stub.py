"""A stand-in for the transit engine of Vault or OpenBao, as far as Kelp asks it: not the real one, and no cryptography to use.

It answers as their HTTP API says: `encrypt/NAME` and `decrypt/NAME` with base64 `plaintext`, `ciphertext` "vault:vN:…" and `associated_data`;
403 without the token, and for a key that is not there, as it answers a token that may not create keys; 400 for what does not open.
"""

import base64
import hashlib
import hmac
import http.server
import json
import os
import socket
import ssl
import threading


class Listener(http.server.ThreadingHTTPServer):
    """Counts connections, and closes those that are kept when it ends."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, address, handler):
        super().__init__(address, handler)
        self.accepted, self.kept = 0, set()

    def process_request(self, request, client_address):
        self.accepted += 1
        self.kept.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.kept.discard(request)
        super().shutdown_request(request)

    def end(self):
        self.shutdown()
        self.server_close()
        for request in list(self.kept):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # The other side was faster.


class TransitStub:
    def __init__(self, token, tls=None):
        """`tls`: files with a certificate and its key."""
        self.tls = tls
        self.token, self.keys, self.asked, self.broken = token, {}, [], 0
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                form = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, answer = stub.answer(self.path, self.headers.get("x-vault-token"), form)
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.handler = Handler
        self.server = None
        self.port = 0
        self.start()

    def start(self):
        self.server = Listener(("127.0.0.1", self.port), self.handler)
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.end()

    def add(self, name):
        self.keys[name] = [os.urandom(32)]

    def rotate(self, name):
        self.keys[name].append(os.urandom(32))

    def answer(self, path, token, form):
        self.asked.append(path)
        if self.broken > 0:
            self.broken -= 1
            return 503, {"errors": ["Vault is sealed"]}
        verb, _, name = path.removeprefix("/v1/transit/").partition("/")
        if token != self.token or name not in self.keys:
            return 403, {"errors": ["permission denied"]}
        bound = base64.b64decode(form.get("associated_data", ""))
        if verb == "encrypt":
            version = len(self.keys[name])
            sealed = self.seal(self.keys[name][-1], base64.b64decode(form["plaintext"], validate=True), bound)
            return 200, {"data": {"ciphertext": f"vault:v{version}:{base64.b64encode(sealed).decode()}", "key_version": version}}
        _, version, text = form["ciphertext"].split(":")
        plain = self.open(self.keys[name][int(version[1:]) - 1], base64.b64decode(text), bound)
        if plain is None:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}

    @staticmethod
    def seal(key, plain, bound):
        nonce = os.urandom(16)
        stream = hashlib.shake_256(key + nonce).digest(len(plain))
        hidden = bytes(a ^ b for a, b in zip(plain, stream))
        return nonce + hidden + hmac.digest(key, nonce + hidden + bound, "sha256")

    @staticmethod
    def open(key, sealed, bound):
        nonce, hidden, tag = sealed[:16], sealed[16:-32], sealed[-32:]
        if not hmac.compare_digest(tag, hmac.digest(key, nonce + hidden + bound, "sha256")):
            return None
        return bytes(a ^ b for a, b in zip(hidden, hashlib.shake_256(key + nonce).digest(len(hidden))))
