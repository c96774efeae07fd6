#!/usr/bin/env bash
#
# Makes a Python environment for a test, once, and prints the path of its interpreter.
#
#   venv.sh NAME REQUIREMENTS    NAME: of the environment; REQUIREMENTS: a file of pinned packages, as `pip freeze` writes
#
# It is kept below the target folder ($CARGO_TARGET_DIR, else target/) under the name and a hash of the requirements, so
# that other requirements are another environment. Tests may call it at once: one makes it, the others wait. All that is
# needed is Python 3.9 or newer with its venv module, and PyPI. Exits 1 and says what is missing; 64: wrong use.

set -euo pipefail

fail() {
    printf 'venv: %s\n' "$@" >&2
    exit 1
}

[ $# -eq 2 ] || { echo "usage: venv.sh NAME REQUIREMENTS" >&2; exit 64; }
name=$1 requirements=$2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=$(command -v python3) || fail "python3 was not found; install Python 3.9 or newer"
[ -r "$requirements" ] || fail "cannot read the requirements $requirements"

hash=$({ cat "$requirements" && "$python" --version; } | sha256sum | cut -c 1-12)
folder=${CARGO_TARGET_DIR:-$root/target}/venv
venv=$folder/$name-$hash

mkdir -p "$folder"
exec 9>"$venv.lock"
flock 9
# The marker comes last: what a killed run left is made anew.
if [ ! -e "$venv/complete" ]; then
    rm -rf "$venv"
    log=$venv.log
    "$python" -m venv "$venv" >"$log" 2>&1 ||
        fail "python3 -m venv failed; on Debian and Ubuntu install python3-venv. It said:" "$(tail -n 5 "$log")"
    "$venv/bin/python" -m pip install --quiet --no-input --disable-pip-version-check --no-deps -r "$requirements" \
        >"$log" 2>&1 ||
        fail "pip could not install $requirements; is a package index within reach? It said:" "$(tail -n 20 "$log")"
    touch "$venv/complete"
fi
printf '%s\n' "$venv/bin/python"
