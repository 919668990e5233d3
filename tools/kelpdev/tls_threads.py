"""A TLS context that threads of a test share."""

import ssl
import threading


def name_protocols_once():
    """Makes a second naming of the same ALPN protocols for a context do nothing, in this process.

    CPython frees the first ones though a connection of another thread copies them at that moment (python/cpython#141012), and urllib3
    names them for each connection: its ClientHello is then refused now and then, as one that cannot be read.
    """
    name, lock = ssl.SSLContext.set_alpn_protocols, threading.Lock()

    def once(context, protocols):
        with lock:
            if getattr(context, "named_protocols", None) != protocols:
                name(context, protocols)
                context.named_protocols = protocols

    ssl.SSLContext.set_alpn_protocols = once
