# Every command that we use. `make` lists them.
VENV ?= .venv
PYTHON ?= python3
DATA ?= ../shared/data
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup build test test-kernels gpu test-python test-rust exhaustive integration lint bench fits picture docs wheel check-wheel clean

help:  ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip

setup: $(BIN)/python  ## make .venv with everything that tests need and the package built in place
	$(BIN)/pip install --quiet --editable '.[test]'

build: $(BIN)/python  ## rebuild the native module in place (PROFILE=dev, fast or release)
	. $(BIN)/activate && maturin develop --quiet --profile $(or $(PROFILE),dev)

test: setup test-python test-rust  ## set up, then run every test that needs no GPU

test-python:
	$(BIN)/python -m pytest

# The same random cases every time; `make exhaustive` looks at others.
test-rust:
	PROPTEST_RNG_SEED=1 cargo test --workspace --quiet

NVRTC_oldest := nvidia-cuda-nvrtc==13.0.*
NVRTC_newest := nvidia-cuda-nvrtc>=13.0,<14

target/nvrtc-%:
	$(BIN)/pip install --quiet --no-deps --target $@ '$(NVRTC_$*)'

test-kernels: setup target/nvrtc-oldest target/nvrtc-newest  ## compile every kernel with the oldest and newest NVRTC 13
	$(MAKE) --no-print-directory -j2 --output-sync=target test-nvrtc-oldest test-nvrtc-newest

test-nvrtc-%: export PARETOSERVE_NVRTC = $(CURDIR)/target/nvrtc-$*/nvidia/cu13/lib/libnvrtc.so.13
test-nvrtc-%:
	+cargo test --package paretoserve-cuda --quiet -- --ignored
	$(BIN)/python -m pytest -q tests/kernels/test_compile.py

gpu: export PYTHONPATH := $(if $(WHEEL),$(CURDIR)/target/gpu:)$(PYTHONPATH)
gpu:  ## on a machine with a GPU (PYTHON=..., WHEEL=... if not installed): results against the CPU, then bandwidths and times
	$(if $(WHEEL),$(PYTHON) -m zipfile -e $(WHEEL) target/gpu)
	$(PYTHON) -m pytest -c tests/gpu/pytest.ini tests/gpu
	$(PYTHON) bench/gpu/bandwidth.py
	$(PYTHON) bench/gpu/fronts.py
	$(PYTHON) bench/gpu/planner.py

exhaustive:  ## property tests on 500,000 random cases each, casts on 2^24 patterns per format; takes minutes
	PROPTEST_CASES=500000 cargo test --workspace --quiet --profile fast
	PARETOSERVE_EXHAUSTIVE=24 $(BIN)/python -m pytest tests/exhaustive

# On top of VENV, so that only the engines and what they need beside are fetched; the package itself is VENV's.
INTEGRATION := target/integration
$(INTEGRATION)/installed: pyproject.toml
	$(MAKE) --no-print-directory setup
	$(PYTHON) -m venv --clear $(INTEGRATION)
	packages=$$($(CURDIR)/$(BIN)/python -c 'import site; print(site.getsitepackages()[0])'); \
	echo "import site; site.addsitedir('$$packages')" > $$(echo $(INTEGRATION)/lib/python3.*/site-packages)/base.pth
	$(INTEGRATION)/bin/pip install --quiet 'paretoserve[vllm-test,ray]'
	$(INTEGRATION)/bin/pip install --quiet --no-deps 'vllm==0.33.0' 'sglang==0.5.23'
	touch $@

integration: $(INTEGRATION)/installed  ## run the adapters inside vLLM, transformers, Ray Serve and SGLang's sorter
	$(INTEGRATION)/bin/python -c 'import ray.serve, transformers, vllm.v1.core.sched.async_scheduler'  # or tests would skip
	$(INTEGRATION)/bin/python -m pytest tests/integrations

lint: setup  ## formatting, clippy, ruff, types, stubs
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest paretoserve._native

bench: setup  ## run the benchmarks on a release build, against peers; prints the machine
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(MAKE) build PROFILE=release
	$(BIN)/python -m pytest bench --benchmark-enable
	cargo bench --package paretoserve-core --bench sched_queue

fits: setup  ## derive what the package ships (operator times, power, profile, expert load) from public tables in DATA
	$(BIN)/pip install --quiet --editable '.[tools]'
	$(BIN)/python tools/fit_operators.py --data $(DATA)
	$(BIN)/python tools/fit_power.py --data $(DATA)/perf
	$(BIN)/python tools/fit_profile.py $(DATA)/traces/azure2023/AzureLLMInferenceTrace_conv.part1.csv.gz
	$(BIN)/python tools/fit_expert_load.py $(DATA)/moe/olmoe_mixtral_expert_counts.csv

picture: setup  ## run the main job and take the README's picture of its report
	$(BIN)/paretoserve plan --model qwen3-32b --system h100_sxm --gpus 8 --trace azure-chat --out plan
	$(BIN)/python tools/picture.py plan/report.html docs/front.png

docs: $(BIN)/python  ## build the pages of docs/ in target/docs; warnings are errors
	$(BIN)/pip install --quiet --editable '.[docs]'
	$(BIN)/python -m sphinx --quiet --fail-on-warning -b html docs target/docs

# With these names, which are not shipped, instances of a function for several types lie side by side: 4 % less packed.
wheel: export RUSTFLAGS = -C symbol-mangling-version=v0
wheel: $(BIN)/python  ## release wheel (manylinux_2_28, abi3) and sdist in dist/
	$(BIN)/pip install --quiet 'maturin>=1.14,<2' ziglang abi3audit
	rm -rf dist
	. $(BIN)/activate && maturin build --release --zig --compatibility manylinux_2_28 --compression-level 9 --out dist
	. $(BIN)/activate && maturin sdist --out dist
	tar -tzf dist/*.tar.gz | grep -q /cuda/kernels/
	$(BIN)/abi3audit --strict dist/*.whl

check-wheel: wheel  ## install the wheel where there is no Rust and run it
	sh tests/wheel/check.sh dist/*.whl

clean:  ## remove what was built
	rm -rf target dist $(VENV) python/paretoserve/_native*.so
