#!/usr/bin/env bash
# Four machines with four disks each keep large objects in ec(8,4) and small ones in three copies. A tree goes in with the
# AWS CLI, one machine's disks are destroyed, everything is read back; then full redundancy returns, another machine goes,
# and everything is read back again. All of it on this machine, in a temporary directory.
#
#   tests/fault/lose_a_node.sh [TREE ...]    default: the sources and documents of Kelp, and large files of random bytes
set -euo pipefail
for tree in "$@"; do trees+=("$(realpath -- "$tree")"); done
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tools/commands/build release kelp
KELP_TREES=$(IFS=:; echo "${trees[*]-$PWD/src:$PWD/docs:$PWD/tests}")
export KELP_TREES KELP_BINARY=$PWD/build/release/src/server/kelp KELP_LARGE_MIB=${KELP_LARGE_MIB:-256} PYTHONDONTWRITEBYTECODE=1
exec python3 tests/fault/lose_a_node_test.py -v
