"""A plain client of the Iceberg REST catalog: JSON over HTTP, with a token."""

import http.client
import json
import urllib.parse

SCHEMA = {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "id", "required": False, "type": "long"}]}


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.raw = answer.status, answer.headers, answer.read()

    @property
    def json(self):
        return json.loads(self.raw)

    @property
    def error(self):
        """Status and type of an error, whose form is checked."""
        error = self.json["error"]
        assert set(error) == {"message", "type", "code"} and error["code"] == self.status, error
        return self.status, error["type"]


class CatalogClient:
    """Speaks for one key to one warehouse, on a connection for each request."""

    def __init__(self, kelp, warehouse, keys=None):
        self.kelp, self.warehouse, self.keys = kelp, warehouse, keys or kelp.keys
        self.prefix = warehouse.replace("/", "~")
        self.token = None

    def ask(self, method, path, body=None, headers=None):
        """One request below /iceberg/v1/ as it is given; a dict goes as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.kelp.port, timeout=60)
        try:
            data = json.dumps(body) if isinstance(body, dict) else body
            connection.request(method, "/iceberg/v1/" + path, data, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def grant(self, **form):
        body = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": self.keys[0],
                                       "client_secret": self.keys[1], "scope": "catalog", **form})
        return self.ask("POST", "oauth/tokens", body, {"Content-Type": "application/x-www-form-urlencoded"})

    def call(self, method, path, body=None):
        """A request with a token, below the warehouse unless the path begins with a slash."""
        if self.token is None:
            self.token = self.grant().json["access_token"]
        path = path[1:] if path.startswith("/") else f"{self.prefix}/{path}"
        return self.ask(method, path, body, {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})

    def make_namespace(self, *parts, **properties):
        return self.call("POST", "namespaces", {"namespace": list(parts), "properties": properties})

    def make_table(self, space, name, **more):
        return self.call("POST", f"namespaces/{space}/tables", {"name": name, "schema": SCHEMA, **more})

    def load(self, space, name):
        return self.call("GET", f"namespaces/{space}/tables/{name}")

    def commit(self, space, name, updates, requirements=()):
        return self.call("POST", f"namespaces/{space}/tables/{name}",
                         {"requirements": list(requirements), "updates": list(updates)})

    def set_property(self, space, name, key, value, requirements=()):
        return self.commit(space, name, [{"action": "set-properties", "updates": {key: value}}], requirements)
