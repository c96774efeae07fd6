#!/usr/bin/env bash
#
# Builds the wheel, and tests it as an application would use it: installed, against a real `lapwing up`.
#
#   check.sh [PYTEST-ARGUMENT...]
#   check.sh --bench                prints what calls cost, and tests nothing

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
python=$("$root/tests/support/venv.sh" python "$root/python/requirements.txt")
PATH=$(dirname "$python"):$PATH
cd "$root/python"

install() {
    local wheels=$CARGO_TARGET_DIR/wheels
    rm -rf "$wheels"
    CARGO_TARGET_DIR=$CARGO_TARGET_DIR/python \
        maturin build --quiet --locked --release --interpreter "$python" --out "$wheels"
    "$python" -m pip install --quiet --no-input --disable-pip-version-check --force-reinstall --no-deps --no-index \
        "$wheels"/*.whl
}

if [ "${1:-}" = --bench ]; then
    install
    exec "$python" bench/emit.py
fi

cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --bin lapwing
ruff format --quiet --check .
ruff check --quiet .
mypy --cache-dir "$CARGO_TARGET_DIR/mypy"
install
# Not from here: the package in the source tree has no native module.
cd tests
exec "$python" -m pytest --rootdir . -c ../pyproject.toml -p no:cacheprovider . "$@"
