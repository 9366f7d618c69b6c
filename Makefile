# Every target works in a fresh clone: what it needs is made first.  `make PYTHON=python3.12 ...` chooses the interpreter.
# Where compiled kernels cannot be kept, warmup fails and the rest works without (hence its `-`).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MADE := $(VENV)/.made
INSTALLED := $(VENV)/.installed
DEVELOPER := $(VENV)/.developer
DEMO := .demo
LOCK := requirements-ci.txt
MINUTES ?= 5

.DEFAULT_GOAL := help
.PHONY: help demo check test test-all torture compatibility lint format docs golden gpu lock wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## encode and decode a real English text, compare, print sizes and bits per character
	@mkdir -p $(DEMO)
	-$(BIN)/fscompress warmup
	@echo "an English text that comes with Python: the topics of help()"
	$(BIN)/python -m fscompress.bench.sample > $(DEMO)/english.txt
	$(BIN)/fscompress encode -f -v $(DEMO)/english.txt -o $(DEMO)/english.fsc
	$(BIN)/fscompress decode -f -v $(DEMO)/english.fsc -o $(DEMO)/english.out
	cmp $(DEMO)/english.txt $(DEMO)/english.out
	@echo "decoded bytes are identical"
	@$(BIN)/python -m fscompress.bench.sizes $(DEMO)/english.txt $(DEMO)/english.fsc

check: lint test ## all that a change must pass: format, lint, types, docs, fast tests

test: $(DEVELOPER) ## fast tests
	-$(BIN)/fscompress warmup
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

test-all: $(DEVELOPER) ## all tests, slow ones and long fuzzing included
	-$(BIN)/fscompress warmup
	HYPOTHESIS_PROFILE=expensive $(BIN)/python -m pytest -q

torture: $(DEVELOPER) ## faults on real processes, then mutated files: make torture MINUTES=60
	$(BIN)/python -m tests.torture --minutes $(MINUTES)

compatibility: $(DEVELOPER) ## golden files with the lowest and highest versions allowed, on every Python of the PATH; then what needs torch
	$(BIN)/python -m tests.compatibility
	$(BIN)/python -m tests.compatibility --torch --python $(PYTHON)

lint: $(DEVELOPER) ## format, lint, types, and whether docs/CLI.md is what the commands say
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m fscompress.cli.reference --check docs/CLI.md

format: $(DEVELOPER) ## format the code and sort imports
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

docs: $(DEVELOPER) ## write docs/CLI.md anew from the commands
	$(BIN)/python -m fscompress.cli.reference docs/CLI.md

golden: $(DEVELOPER) ## write the golden files anew: only with a change of format
	$(BIN)/python -m tests.golden.make

gpu: $(DEVELOPER) ## test engine cuda and training on this machine's GPU, compare its bytes with those of engine cpu, print speeds
	$(BIN)/python -m fscompress.bench.gpu --device
	$(BIN)/python -m pytest -q tests/engine tests/golden -k cuda
	$(BIN)/python -m pytest -q tests/training/test_fused_lstm.py tests/training/test_step.py
	$(BIN)/python -m fscompress.bench.gpu
	$(BIN)/fscompress bench --train --preset small
	$(BIN)/fscompress bench --train --preset large

lock: ## pin the newest versions allowed in requirements-ci.txt
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --disable-pip-version-check '.[dev]'
	echo '# What `make check` runs with; written by `make lock`, bounds are in pyproject.toml.' > $(LOCK)
	$(VENV)/lock/bin/python -m pip freeze --exclude fscompress | sed 's/+.*//' >> $(LOCK)
	rm -rf $(VENV)/lock

wheel: $(DEVELOPER) ## build the wheel and the source archive in dist/
	$(BIN)/python -m build

clean: ## remove what was made, the environment included
	rm -rf $(VENV) $(DEMO) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(MADE):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "fscompress needs Python 3.11 or newer (got $$($(PYTHON) --version 2>&1)); make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing; torch alone is a download of 0.2 GB (processors only) to 3 GB (with CUDA), so this can take minutes"
	@touch $@

$(INSTALLED): pyproject.toml | $(MADE)
	$(BIN)/python -m pip install --disable-pip-version-check -e .
	@touch $@

# Pinned, so that a check of the same commit has the same libraries tomorrow; `make LOCK=/dev/null check` takes the newest.
$(DEVELOPER): pyproject.toml $(LOCK) | $(MADE)
	$(BIN)/python -m pip install --disable-pip-version-check -c $(LOCK) -e '.[dev]'
	@touch $(INSTALLED) $@
