"""The demo behind `tools/dev run --demo`: a real AWS CLI keeps a real tree in a running Kelp."""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from kelpdev.process import KelpProcess, cpu_seconds, rss_mib


def files_of(root):
    return sorted(p.relative_to(root) for p in Path(root).rglob("*") if p.is_file())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", required=True)
    parser.add_argument("--tree", action="append", required=True)
    args = parser.parse_args()
    with KelpProcess(args.work) as kelp:
        sync_and_compare(kelp, Path(args.work), args.tree)
    print("stopped cleanly")


def sync_and_compare(kelp, work, trees):
    up, down = work / "up", work / "down"
    for tree in trees:
        shutil.copytree(tree, up / Path(tree).name)
    (up / "large.bin").write_bytes(os.urandom(1 << 20) * 40)  # a multipart upload
    (up / "a name with spaces & signs+é.txt").write_text("odd keys are keys\n")

    environment = dict(os.environ, AWS_ACCESS_KEY_ID=kelp.keys[0], AWS_SECRET_ACCESS_KEY=kelp.keys[1],
                       AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null",
                       AWS_SHARED_CREDENTIALS_FILE="/dev/null")

    def aws(*words):
        done = subprocess.run(["/usr/bin/aws", "--endpoint-url", kelp.endpoint, *words], env=environment,
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"aws {' '.join(words)}: {done.stderr.strip()}\n{kelp.log_tail()}")
        return done.stdout

    names = files_of(up)
    total = sum((up / name).stat().st_size for name in names)
    print(f"Kelp serves at {kelp.endpoint}; the tree has {len(names)} files, {total / 1e6:.1f} MB")
    aws("s3", "mb", "s3://demo")
    figures = []
    for what, source, target in (("up", str(up), "s3://demo/tree"), ("down", "s3://demo/tree", str(down))):
        start, cpu = time.monotonic(), cpu_seconds([kelp.pid])
        aws("s3", "sync", "--only-show-errors", source, target)
        figures.append((what, time.monotonic() - start, cpu_seconds([kelp.pid]) - cpu))
    _, mismatch, errors = filecmp.cmpfiles(up, down, names, shallow=False)
    if mismatch or errors or files_of(down) != names:
        sys.exit(f"the tree came back different: {mismatch + errors}")
    listed = aws("s3", "ls", "--recursive", "s3://demo/tree/").splitlines()
    if len(listed) != len(names):
        sys.exit(f"the listing has {len(listed)} keys, the tree {len(names)} files")

    print(f"{'':6}{'seconds':>9}{'server CPU s':>14}")
    for what, seconds, cpu in figures:
        print(f"{what:6}{seconds:9.2f}{cpu:14.2f}")
    print(f"server memory {rss_mib([kelp.pid]):.0f} MiB; every byte came back the same, the listing is complete")


if __name__ == "__main__":
    main()
