# The developer's commands. `make test` in a fresh clone needs python3 (3.11 or newer) and make.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
CODE   := skullfix tests

.DEFAULT_GOAL := help
.PHONY: help venv demo test lint types bench clean

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST) | expand -t 10

venv: $(STAMP) ## the environment in .venv, made once and again when its inputs change

# torch first and pinned: the other packages would otherwise choose its version.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: venv ## a generated skull, its implant and its report, into .demo
	$(BIN)/skullfix demo -o .demo --overwrite

test: venv ## all tests
	$(BIN)/python -m pytest

lint: venv ## style, formatting and the floors between the rooms
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/lint-imports

types: venv ## strict type checks
	$(BIN)/mypy

bench: venv ## speed and accuracy: make bench DATA=folder in the AutoImplant layout
	$(BIN)/skullfix bench $(addprefix --input ,$(firstword $(wildcard $(DATA)/complete_skull/*.nrrd)))
	$(BIN)/skullfix evaluate --set $(DATA) -o .bench

clean: ## remove the environment and everything generated
	rm -rf $(VENV) .demo .bench build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find skullfix tests -name __pycache__ -type d -prune -exec rm -rf {} +
