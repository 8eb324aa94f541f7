#!/bin/sh
# Install the wheel into a fresh environment without Rust on the path, try each part, run the main job.
# Usage: check.sh WHEEL
set -eu
wheel=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
size=$(stat -c %s "$wheel")
echo "wheel: $(basename "$wheel"), $size bytes"
[ "$size" -lt 5000000 ] || { echo "wheel must be under 5,000,000 bytes, got $size" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=$(command -v "${PYTHON:-python3}")
"$python" -m venv "$work/base"
"$python" -m venv "$work/full"
# Nothing of the checkout and no compiler may be found.
cd "$work"
PATH=/usr/bin:/bin
export PATH
if command -v cargo >/dev/null; then echo "cargo must not be on the path" >&2; exit 1; fi

base/bin/pip install --quiet --only-binary :all: "$wheel"
base/bin/python -I "$here/smoke.py"
full/bin/pip install --quiet --only-binary :all: "$wheel[plan]"
full/bin/python -I "$here/smoke.py"
full/bin/paretoserve plan --model qwen3-32b --system h100_sxm --gpus 8 --trace azure-chat --out plan/ >table.txt
for file in plan.json report.html front.parquet all.parquet; do
  [ -s "plan/$file" ] || { echo "plan/$file is missing or empty" >&2; exit 1; }
done
head -n 12 table.txt
echo "wheel: ok"
