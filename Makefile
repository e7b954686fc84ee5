# The developer's commands. `make test` in a fresh clone needs python3 (3.11 or newer) and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
CODE   := skullfix tests packaging

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-gpu lint types bench minkowski dist bundle bundle-test clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 13

venv: $(STAMP) ## the environment in .venv, made once and again when its inputs change

# torch first and pinned: the other packages would otherwise choose its version. What pip would compile
# on one core, all cores compile afterwards; some packages hold files that are not for this Python.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@$(BIN)/python -W ignore -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $@

demo: venv ## a generated skull, its implant and its report, into .demo
	$(BIN)/skullfix demo -o .demo --overwrite

# two processes on two cores: what waits shall sleep, and matrices are factored by one thread each
test: venv ## all tests, in two processes; a file's tests stay in one, the longest file goes first
	OMP_WAIT_POLICY=PASSIVE OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# apart from `make test`: Triton takes 700 MB of disk, and torch for the CPU does not bring it along
test-gpu: venv ## the cuda engine: on a GPU, or without one in Triton's interpreter
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps triton
	$(BIN)/python -m pytest tests/sparse/test_cuda_sets.py tests/sparse/test_cuda_convolve.py \
	    tests/sparse/test_cuda_compile.py tests/sparse/test_device.py

lint: venv ## style, formatting and the floors between the rooms
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/lint-imports

types: venv ## strict type checks
	$(BIN)/mypy

bench: venv ## speed and accuracy: make bench DATA=folder in the AutoImplant layout
	$(BIN)/skullfix bench $(addprefix --input ,$(firstword $(wildcard $(DATA)/complete_skull/*.nrrd)))
	$(BIN)/skullfix evaluate --set $(DATA) -o .bench

# Source only, of 2021: this is how it builds with gcc 12 and torch 2.13. Debian: libopenblas-dev.
minkowski: venv ## MinkowskiEngine into the environment, for parity and comparison (12 minutes or more)
	$(BIN)/python -m pip install --quiet 'setuptools>=77,<81' wheel
	MAX_JOBS=2 $(BIN)/python -m pip install MinkowskiEngine==0.5.4 --no-deps --no-build-isolation \
	    --use-pep517 --config-settings="--global-option=--cpu_only" \
	    --config-settings="--global-option=--blas=openblas"

dist: venv ## wheel and source archive, checked, the wheel tried in a fresh environment
	rm -rf dist/wheel
	$(BIN)/python -m build --outdir dist/wheel
	$(BIN)/twine check --strict dist/wheel/*
	$(BIN)/check-wheel-contents dist/wheel/*.whl
	packaging/wheel_test.sh $(PYTHON) dist/wheel/*.whl

bundle: venv ## the desktop bundle, into dist/bundle (minutes; packaging/README.md)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bundle]'
	$(BIN)/pyinstaller --noconfirm --distpath dist/bundle --workpath build/bundle packaging/skullfix.spec

# apart from `make test`: it takes minutes, and root for the package
bundle-test: bundle ## the bundle in an empty environment; its Debian package installed and removed
	@if command -v dpkg-deb > /dev/null; then rm -f dist/skullfix_*.deb; \
	    $(BIN)/python packaging/debian.py dist/bundle/skullfix dist; fi
	packaging/bundle_test.sh dist/bundle/skullfix $$(ls dist/skullfix_*.deb 2> /dev/null)

clean: ## remove the environment and everything generated
	rm -rf $(VENV) .demo .bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find skullfix tests -name __pycache__ -type d -prune -exec rm -rf {} +
