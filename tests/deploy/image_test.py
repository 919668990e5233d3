#!/usr/bin/env python3
"""The image is made twice from nothing but its base, and is the same both times."""

import json
import sys
import unittest

from composed import prepare


def setUpModule():
    global IMAGES
    IMAGES, _ = prepare()


class Reproducible(unittest.TestCase):
    def build(self, name):
        IMAGES.kelp(name, options=("--no-cache",))
        self.addCleanup(IMAGES.podman, "rmi", "--force", name)
        return json.loads(IMAGES.podman("inspect", name))[0]

    def test_it_is_the_same_when_it_is_made_again(self):
        first, second = self.build("localhost/kelp:first"), self.build("localhost/kelp:second")
        print("\n".join(first["RootFS"]["Layers"]), file=sys.stderr)
        self.assertEqual(first["RootFS"]["Layers"], second["RootFS"]["Layers"])
        self.assertEqual((first["Id"], first["Digest"]), (second["Id"], second["Digest"]))


if __name__ == "__main__":
    unittest.main(verbosity=2)
