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


VERSIONING = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class Crash(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_at_kill(self):
        self.kill_again_and_again(ROUNDS)

    def test_no_acknowledged_version_is_lost_at_kill(self):
        self.kill_again_and_again(max(1, ROUNDS // 4), versions=True)

    def kill_again_and_again(self, rounds, versions=False):
        seed = int(os.environ.get("KELP_SEED", "1"))
        rng = random.Random(seed)
        with tempfile.TemporaryDirectory(prefix="kelp-crash-") as folder:
            kelp = KelpProcess(folder, *QUICK_COLLECTOR)
            kelp.start()
            client = Client(kelp.endpoint, *kelp.keys)
            client.must("PUT", f"/{model.BUCKET}")
            if versions:
                client.must("PUT", f"/{model.BUCKET}", [("versioning", "")], VERSIONING)
            states, kept, acknowledged, slowest = {}, [], 0, 0.0
            for round_number in range(rounds):
                writers = model.load(kelp.endpoint, kelp.keys, f"{seed}/{round_number}", states)
                # The moment of the kill is what varies: a time, not a condition.
                time.sleep(rng.uniform(0.3, 1.5))
                kelp.kill()
                for writer in writers:
                    writer.join()
                    acknowledged += writer.acknowledged
                    kept += writer.kept
                    self.assertEqual(writer.wrong, [], f"seed {seed}, round {round_number}")
                slowest = max(slowest, kelp.start())
                problems = model.verify_moves(kelp.endpoint, kelp.keys, writers)
                problems += model.verify(kelp.endpoint, kelp.keys, states)
                self.assertEqual(problems, [], f"seed {seed}, round {round_number}")
            self.assertEqual(bool(kept), versions)
            self.assertEqual(model.verify_versions(kelp.endpoint, kelp.keys, kept), [], f"seed {seed}")
            wait_for(lambda: kelp.metric("kelp_filer_dead_needles") == 0, "the collector's quiet", 60)
            self.assertEqual(kelp.stop(), 0)
            report = fsck(kelp.data)
            self.assertTrue(report["clean"], f"seed {seed}: {report}")
            print(f"{rounds} kills, {acknowledged} acknowledged writes, {len(kept)} versions, "
                  f"slowest restart {slowest:.2f} s, fsck {report}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
