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
# Nothing of the checkout is on the path; `--only-binary` and the wheel itself leave nothing to compile.
cd "$work"
PATH=/usr/bin:/bin
export PATH

base/bin/pip install --quiet --only-binary :all: "$wheel"
base/bin/python -I "$here/smoke.py"
# Without the extra, the command says which one it needs.
if base/bin/paretoserve --help >/dev/null 2>message.txt; then echo "the command must ask for its extra" >&2; exit 1; fi
grep -q 'paretoserve\[plan\]' message.txt || { cat message.txt >&2; exit 1; }
full/bin/pip install --quiet --only-binary :all: "$wheel[plan]"
full/bin/python -I "$here/smoke.py"
full/bin/paretoserve plan --model qwen3-32b --system h100_sxm --gpus 8 --trace azure-chat --out plan/ >table.txt
for file in plan.json report.html front.parquet all.parquet; do
  [ -s "plan/$file" ] || { echo "plan/$file is missing or empty" >&2; exit 1; }
done
head -n 12 table.txt
echo "wheel: ok"
