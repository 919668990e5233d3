#!/bin/sh
# linked.sh: the packages whose code is in the binary itself (archives that are linked, headers that are compiled), a line
# "name version architecture" each. Runs where the binary was built; sbom.sh reads it.
set -eu
dpkg-query -W -f '${Package} ${Version} ${Architecture}\n' \
  libboost1.81-dev libcli11-dev libfmt-dev librocksdb-dev libspdlog-dev libstdc++-12-dev libtomlplusplus-dev prometheus-cpp-dev
