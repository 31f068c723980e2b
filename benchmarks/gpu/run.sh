#!/usr/bin/env bash
# Installs the carried wheels into a folder of their own and runs all parts; docs/gpu.md explains it.
# PYTHON names another interpreter, OUT the folder for what is written (or --out).
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
site=$(mktemp -d)
trap 'rm -rf "$site"' EXIT
if compgen -G ".gpu/wheels/*.whl" >/dev/null; then
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir \
        --target "$site" .gpu/wheels/*.whl
fi
PYTHONPATH="src:.:$site" "$python" -m benchmarks.gpu ${OUT:+--out "$OUT"} "$@"
