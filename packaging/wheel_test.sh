#!/bin/sh
# wheel_test.sh PYTHON WHEEL: install a wheel into a fresh environment and run it offline from there.
set -eu
place="$(mktemp -d)"
trap 'rm -rf "$place"' EXIT
here="$(cd "$(dirname "$0")/.." && pwd)"
wheel="$(cd "$(dirname "$2")" && pwd)/$(basename "$2")"
"$1" -m venv "$place/env"
"$place/env/bin/python" -m pip install --quiet -c "$here/constraints.txt" torch
"$place/env/bin/python" -m pip install --quiet -c "$here/constraints.txt" "$wheel"
cd "$place"
export SKULLFIX_OFFLINE=1
env/bin/skullfix --version
env/bin/skullfix demo | tail -n 1
env/bin/skullfix info > info.txt || { cat info.txt; exit 1; }
echo "works with $(env/bin/python --version)"
