"""The cluster behind `tools/dev cluster`: it is left running, and what it needs to be found again stands in its folder."""

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path

from kelpdev.cluster import Cluster, Daemon
from kelpdev.process import REPOSITORY


def state_file(folder):
    return folder / "state.json"


def attach(folder):
    if not state_file(folder).exists():
        sys.exit(f"no cluster in {folder}; tools/dev cluster up starts one")
    cluster = Cluster.attach(folder, json.loads(state_file(folder).read_text()))
    cluster.net.enter()
    return cluster


def environment(cluster):
    """What the AWS CLI needs, and the words in front of it."""
    keys = tomllib.loads((cluster.identity / "credentials").read_text())
    return {"AWS_ACCESS_KEY_ID": keys["access_key"], "AWS_SECRET_ACCESS_KEY": keys["secret_key"],
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": cluster["gateway1"].endpoint}


def up(folder, args):
    if state_file(folder).exists():
        sys.exit(f"a cluster is in {folder} already; tools/dev cluster down ends it")
    cluster = Cluster(folder, dict(word.split("=", 1) for word in args.set), args.spread, guarded=False,
                      loopback=args.loopback, keys=None)
    folder.mkdir(parents=True, exist_ok=True)
    state_file(folder).write_text(json.dumps(cluster.state(), indent=1))
    cluster.net.enter()
    try:
        cluster.start()
    except Exception:
        print(cluster.log_tails(), file=sys.stderr)
        cluster.close()
        state_file(folder).unlink()
        raise
    print(cluster.control("status"), end="")
    inside = " ".join(cluster.net.inside())
    pairs = " ".join(f"{name}={value}" for name, value in environment(cluster).items() if "URL" not in name)
    print(f"\ngateways {' '.join(gateway.endpoint for gateway in cluster.of('gateway'))}; logs in {folder}/*/log\n"
          f"  {pairs} {inside} aws --endpoint-url {cluster['gateway1'].endpoint} s3 mb s3://first\n"
          f"  {' '.join(cluster.shell_words())}")


def down(folder, args):
    cluster = attach(folder)
    failed = cluster.stop()
    cluster.close()
    state_file(folder).unlink()
    if not args.keep:
        shutil.rmtree(folder)
    for name, code in failed.items():
        print(f"{name} ended with {code}", file=sys.stderr)


def status(folder, _):
    cluster = attach(folder)
    for name, daemon in cluster.daemons.items():
        state = "ready" if daemon.is_ready() else "not ready"
        print(f"{name:9} {daemon.address:20} {'pid ' + str(daemon.pid) if daemon.running() else 'is not running':14} {state}")
    print(cluster.control("status"), end="")


def env(folder, _):
    cluster = attach(folder)
    for name, value in environment(cluster).items():
        print(f"export {name}={value}")
    print(f"# clients run with: {' '.join(cluster.net.inside())}")


def on_daemon(act):
    def run(folder, args):
        cluster = attach(folder)
        if args.name not in cluster.daemons:
            sys.exit(f"no daemon '{args.name}'; there are {', '.join(cluster.daemons)}")
        act(cluster, cluster[args.name])
    return run


def start(_, daemon: Daemon):
    if daemon.running():
        sys.exit(f"{daemon.name} runs")
    print(f"{daemon.name} is ready after {daemon.start():.2f} s")


def main():
    parser = argparse.ArgumentParser(prog="tools/dev cluster", description="3 masters, 4 volume servers, a filer, 2 gateways")
    parser.add_argument("--folder", default=str(REPOSITORY / "build/cluster"), help="where everything is kept")
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("up", help="start a cluster and leave it running")
    begin.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for every daemon")
    begin.add_argument("--spread", default="001", help="copies in other data centres, racks, nodes")
    begin.add_argument("--loopback", action="store_true", help="no network namespaces: everything on 127.0.0.1")
    begin.set_defaults(run=up)
    end = commands.add_parser("down", help="end it and remove its folder and namespaces")
    end.add_argument("--keep", action="store_true", help="keep the folder")
    end.set_defaults(run=down)
    commands.add_parser("status", help="processes and `kelp cluster status`").set_defaults(run=status)
    commands.add_parser("env", help="variables for the AWS CLI").set_defaults(run=env)
    for name, act, text in (("kill", lambda _, daemon: daemon.kill(), "kill -9 a daemon"), ("start", start, "start it again"),
                            ("cut", lambda cluster, daemon: cluster.cut(daemon.name), "unplug its network"),
                            ("heal", lambda cluster, daemon: cluster.heal(daemon.name), "plug it in again")):
        command = commands.add_parser(name, help=text)
        command.add_argument("name", help="e.g. master1, volume3, filer1, gateway2")
        command.set_defaults(run=on_daemon(act))
    args = parser.parse_args()
    args.run(Path(args.folder).resolve(), args)


if __name__ == "__main__":
    main()
