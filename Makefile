# Two commands matter: `make run` and `make test`. Each sets itself up; a second run starts at once.
# Needs python3 (3.11 or newer), python3-venv and make. Another interpreter: make run PYTHON=python3.13

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# What pytest gets besides the defaults of pyproject.toml: two workers at least, four at most.
JOBS   ?= -n auto --maxprocesses=4
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup run test check lint types bench simulate teeth fuzz proof docs calendars lock wheel clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with exactly the pinned, hashed packages

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Two steps: pip checks hashes only when every requirement has one, and the project itself cannot have one.
$(STAMP): requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@

run: setup ## the demonstration: live on a terminal, a scripted story without one
	@$(BIN)/prepaid-gateway demo $(ARGS)

test: setup ## every test (foreign programs come from PATH or are unpacked into .cache)
	@$(BIN)/python -m tests.foreign
	$(BIN)/python -m pytest $(JOBS) $(ARGS)

check: lint types ## ruff, mypy --strict, import rules, tidy tree
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/test_tidy.py

lint: setup ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup ## mypy --strict, tests too
	$(BIN)/mypy

bench: setup ## speed as ratios against a bare floor
	$(BIN)/python -m bench $(ARGS)

SEED ?= 1
RUNS ?= 20
DAYS ?= 7

simulate: setup ## the whole gateway in virtual time under faults: SEED=1 RUNS=20 DAYS=7
	@$(BIN)/python -m tests.simulation --seed $(SEED) --runs $(RUNS) --days $(DAYS) $(ARGS)

teeth: setup ## plant bugs and see the proofs catch them: caught / planted
	@$(BIN)/python -m tests.teeth $(ARGS)

fuzz: setup ## arbitrary bytes into every parser that faces the outside
	@$(BIN)/python -m tests.fuzz $(ARGS)

proof: setup ## every proof at full size (days); ARGS=--quick is the share of a landing
	@$(BIN)/python -m tests.foreign
	@$(BIN)/python -m tests.proof $(ARGS)

# One line per generator. A test fails when the contract, the ladder or a guide is stale; the table of tests may lag behind.
docs: setup ## regenerate what is generated in docs/ and ARCHITECTURE.md
	$(BIN)/python -m gateway.contract
	$(BIN)/python -m gateway.diagram ARCHITECTURE.md
	$(BIN)/python -m tests.traceability docs/requirements.md
	$(BIN)/python -m tests.visit.guides

calendars: setup ## write config/calendars and config/moratoria anew; ARGS=--check only says what differs
	@$(BIN)/python -m tests.calendars $(ARGS)

# One lock for Python 3.11 to 3.13 and every platform that has wheels. Hashes only: where packages come from is
# the user's pip configuration, so no index address belongs in the file.
lock: setup ## regenerate requirements.lock after a change in pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --extra demo --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --no-emit-find-links --quiet --output-file requirements.lock

wheel: setup ## build dist/*.whl without a network
	$(BIN)/python -m pip wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove what was built, downloaded or cached (also .venv)
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
