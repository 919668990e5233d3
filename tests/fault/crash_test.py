#!/usr/bin/env python3
"""kill -9 under load, again and again: every acknowledged object reads back, listings equal the model, fsck is clean.

KELP_ROUNDS sets the number of kills (20).
"""

import os
import random
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
from kelpdev import model  # noqa: E402
from kelpdev.process import KelpProcess, fsck, wait_for  # noqa: E402
from kelpdev.s3 import Client  # noqa: E402

ROUNDS = int(os.environ.get("KELP_ROUNDS", "20"))
QUICK_COLLECTOR = ("--set", "collector.interval=500ms", "--set", "collector.quarantine=1s")


class Crash(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_at_kill(self):
        seed = int(os.environ.get("KELP_SEED", "1"))
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="kelp-crash-") as folder:
            kelp = KelpProcess(folder, *QUICK_COLLECTOR)
            kelp.start()
            Client(kelp.endpoint, *kelp.keys).must("PUT", f"/{model.BUCKET}")
            states, acknowledged, slowest = {}, 0, 0.0
            for round_number in range(ROUNDS):
                writers = model.load(kelp.endpoint, kelp.keys, f"{seed}/{round_number}", states)
                # The moment of the kill is what varies: a time, not a condition.
                time.sleep(rng.uniform(0.3, 1.5))
                kelp.kill()
                for writer in writers:
                    writer.join()
                    acknowledged += writer.acknowledged
                    self.assertEqual(writer.wrong, [], f"seed {seed}, round {round_number}")
                slowest = max(slowest, kelp.start())
                problems = model.verify(kelp.endpoint, kelp.keys, states)
                self.assertEqual(problems, [], f"seed {seed}, round {round_number}")
            wait_for(lambda: kelp.metric("kelp_filer_dead_needles") == 0, "the collector's quiet", 60)
            self.assertEqual(kelp.stop(), 0)
            report = fsck(kelp.data)
            self.assertTrue(report["clean"], f"seed {seed}: {report}")
            print(f"{ROUNDS} kills, {acknowledged} acknowledged writes, slowest restart {slowest:.2f} s, fsck {report}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
