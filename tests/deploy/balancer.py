"""The balancers of deploy/balancers, each started with its own file, of which only addresses and paths are replaced."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from kelpdev.process import free_port, wait_for  # noqa: E402

CONFIGS = ROOT / "deploy/balancers"
RESOLVERS = "\nresolvers cluster\n  parse-resolv-conf\n  hold valid 1s\n  hold obsolete 0s\n"


def haproxy_by_name(name, most):
    """The text of haproxy.cfg for gateways that come and go behind a name, at most so many."""
    lines = [line for line in (CONFIGS / "haproxy.cfg").read_text().splitlines(keepends=True) if not line.startswith("  server s3-")]
    return "".join(lines) + f"  server-template s3- {most} {name}:8333 check resolvers cluster init-addr none\n" + RESOLVERS


def answers(port):
    import http.client
    import ssl
    for connection in (http.client.HTTPConnection("127.0.0.1", port, timeout=2),
                       http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=ssl._create_unverified_context())):
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return True
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
    return False


class Balancer:
    """One balancer before `gateways` ("host:port" of each, two of them). `pair` is a PEM file with certificate and key.

    A context manager; `port` takes http, `tls_port` https where the balancer opens TLS or passes it on.
    """

    port = tls_port = None

    def __init__(self, folder, gateways, pair=None):
        self.folder, self.gateways, self.pair = Path(folder), gateways, pair
        self.process = None

    def __enter__(self):
        self.folder.mkdir(parents=True)
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *self.command()], stdout=self.log,
                                        stderr=self.log)
        try:
            for port in filter(None, (self.port, self.tls_port)):
                wait_for(lambda port=port: answers(port), f"{type(self).__name__}: {self.folder / 'log'}", 30, every=0.1)
        except BaseException:
            print((self.folder / "log").read_text()[-2000:])
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        # Not at once with SIGKILL: nginx's workers would outlive their master.
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def config(self, name, *changes):
        """Writes the project's file with the gateways' addresses and `changes`, pairs of a pattern and its replacement."""
        text = (CONFIGS / name).read_text()
        for number, gateway in enumerate(self.gateways, 1):
            host, port = gateway.split(":")
            text = re.sub(rf"\bs3-{number}:8(333|443)\b", gateway, text)
            text = re.sub(rf"address: s3-{number}, port_value: 8333", f"address: {host}, port_value: {port}", text)
        for pattern, new in changes:
            text, count = re.subn(pattern, new, text)
            assert count, f"{name} has no {pattern}"
        path = self.folder / name
        path.write_text(text)
        return str(path)


class HAProxy(Balancer):
    def command(self):
        self.port, self.tls_port = free_port(), free_port()
        path = self.config("haproxy.cfg", (r"bind :8333", f"bind 127.0.0.1:{self.port}"),
                           (r"# bind :8443 ssl crt \S+", f"bind 127.0.0.1:{self.tls_port} ssl crt {self.pair}"))
        return ["haproxy", "-W", "-db", "-f", path]


class HAProxyPassthrough(Balancer):
    """Its gateways are TLS listeners."""

    def command(self):
        self.tls_port = free_port()
        return ["haproxy", "-W", "-db", "-f",
                self.config("haproxy-passthrough.cfg", (r"bind :8443", f"bind 127.0.0.1:{self.tls_port}"))]


class Nginx(Balancer):
    def command(self):
        self.port, self.tls_port = free_port(), free_port()
        temporary = "".join(f"  {kind}_temp_path {self.folder}/{kind};\n"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        path = self.config("nginx.conf", (r"listen 8333", f"listen 127.0.0.1:{self.port}"),
                           (r"# (listen 8443 ssl)", f"listen 127.0.0.1:{self.tls_port} ssl"),
                           (r"# (ssl_certificate|ssl_certificate_key) \S+;", rf"\1 {self.pair};"),
                           (r"http \{\n", "http {\n" + temporary))
        return ["nginx", "-p", str(self.folder), "-c", path, "-g", f"daemon off; pid {self.folder}/pid; error_log stderr;"]


class NginxPassthrough(Balancer):
    """Its gateways are TLS listeners."""

    def command(self):
        self.tls_port = free_port()
        path = self.config("nginx-passthrough.conf", (r"listen 8443", f"listen 127.0.0.1:{self.tls_port}"),
                           (r"modules/(ngx_stream)", r"/usr/lib/nginx/modules/\1"))
        return ["nginx", "-p", str(self.folder), "-c", path, "-g", f"daemon off; pid {self.folder}/pid; error_log stderr;"]


class Envoy(Balancer):
    def command(self):
        self.port, self.tls_port = free_port(), free_port()
        path = self.config("envoy.yaml", (r"(?m)^    # ([- ] )", r"    \1"),
                           (r"address: 0\.0\.0\.0, port_value: 8333", f"address: 127.0.0.1, port_value: {self.port}"),
                           (r"address: 0\.0\.0\.0, port_value: 8443", f"address: 127.0.0.1, port_value: {self.tls_port}"),
                           (r"/etc/envoy/kelp\.(pem|key)", str(self.pair)))
        return [shutil.which("envoy", path=f"{sys.prefix}/bin") or "envoy", "-c", path, "--concurrency", "2",
                "--base-id", str(self.port), "--log-level", "warning"]


class Traefik(Balancer):
    def command(self):
        self.port, self.tls_port = free_port(), free_port()
        gateways = self.config("traefik-gateways.yaml", (r"# tls:", "tls:"), (r"/etc/traefik/kelp\.(pem|key)", str(self.pair)))
        path = self.config("traefik.yaml", (r'address: ":8333"', f'address: "127.0.0.1:{self.port}"'),
                           (r'# s3-tls: { address: ":8443"', f's3-tls: {{ address: "127.0.0.1:{self.tls_port}"'),
                           (r"/etc/traefik/gateways.yaml", gateways))
        return [shutil.which("traefik", path=f"{sys.prefix}/bin") or "traefik", f"--configfile={path}"]
