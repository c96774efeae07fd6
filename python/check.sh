#!/usr/bin/env bash
#
# Builds the wheel, and tests it as an application would use it: installed, against a real `lapwing up`.
#
#   check.sh [PYTEST-ARGUMENT...]

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
wheels=$CARGO_TARGET_DIR/wheels

cargo build --quiet --locked --manifest-path "$root/Cargo.toml" --bin lapwing
python=$("$root/tests/support/venv.sh" python "$root/python/requirements.txt")
PATH=$(dirname "$python"):$PATH
cd "$root/python"
ruff format --quiet --check .
ruff check --quiet .
mypy --cache-dir "$CARGO_TARGET_DIR/mypy"

rm -rf "$wheels"
CARGO_TARGET_DIR=$CARGO_TARGET_DIR/python maturin build --quiet --locked --release --interpreter "$python" --out "$wheels"
"$python" -m pip install --quiet --no-input --disable-pip-version-check --force-reinstall --no-deps --no-index "$wheels"/*.whl
# Not from here: the package in the source tree has no native module.
cd tests
exec "$python" -m pytest --rootdir . -c ../pyproject.toml -p no:cacheprovider . "$@"
