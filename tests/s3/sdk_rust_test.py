#!/usr/bin/env python3
"""A session of AWS's SDK for Rust, as those of sdk_test.py. Apart from them, as it takes minutes to build: some 190 crates."""

import os
import shutil
import subprocess
import tempfile
import unittest

from boto3_world import Server  # First: it starts us anew where the packages are.
from sdk_test import Session, fetch, installed


def build_rust(into):
    """The SDK is pinned, what it stands on is the newest that this compiler takes. What cargo downloads and makes on the way is several
    hundred MiB, of which the session is all that stays."""
    with tempfile.TemporaryDirectory(prefix="kelp-cargo-") as scratch:
        homes = {"CARGO_HOME": f"{scratch}/home", "CARGO_TARGET_DIR": f"{scratch}/target",
                 "CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS": "fallback"}
        fetch(into, "cargo", "fetch", **homes)
        subprocess.run(["cargo", "build", "--quiet"], cwd=into, env=dict(os.environ, **homes), check=True)
        shutil.copy(f"{scratch}/target/debug/session", into)


class Rust(Session):
    def test_aws_rust(self):
        self.need("cargo", "curl")
        self.play(["./session"], installed("rust", "main.rs", "Cargo.toml", make=build_rust))


setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
