#!/bin/sh
# Makes bench/.venv-bench, the Python that the benchmarks' peers run in: PyTorch, some gigabytes. Nothing else needs it;
# the tests and the continuous integration never call this. It does nothing when the environment is there already.
#
#     bench/setup.sh [PYTHON]        PYTHON is python3 unless given
set -eu

here=$(cd "$(dirname "$0")" && pwd)
python=${1:-python3}
venv=$here/.venv-bench

if ! command -v "$python" >/dev/null; then
	echo "bench/setup.sh: there is no $python: install Python 3.11 or later, or name another one: bench/setup.sh PYTHON" >&2
	exit 1
fi
if cmp -s "$here/requirements.txt" "$venv/installed.txt"; then
	echo "$venv is ready"
	exit 0
fi
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install --disable-pip-version-check -r "$here/requirements.txt"
cp "$here/requirements.txt" "$venv/installed.txt" # last, so that a broken installation is tried again
echo "$venv is ready"
