# The README's two commands are `make run` and `make test`. Each makes .venv itself; only python3 and make are needed.
# On a cluster with its own MPI:  make venv MPI=site   (mpi4py then loads the site's library)

PYTHON ?= python3
MPI    ?= mpich
RANKS  ?= 2
OUT    ?= runs/quickstart
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# What pip installs: the project with the extras it needs.
ifeq ($(MPI),site)
RUN_WITH := .
DEV_WITH := .[dev]
else
RUN_WITH := .[$(MPI)]
DEV_WITH := .[dev,$(MPI)]
endif

.PHONY: help venv run test test-all lint format bench docs lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run     install, simulate glasses under MPI, solve the theory, report whether they agree"
	@echo "make test    install and run the tests            make test-all   the slow ones too"
	@echo "make lint    ruff, mypy, import contract           make format     apply ruff"
	@echo "make bench   time the hot kernels against peers    make docs       build docs/_build/index.html"
	@echo "make venv    only install (MPI=site on a cluster)  make lock       renew constraints.txt"

$(BIN)/python:
	@echo "creating .venv"
	@$(PYTHON) -m venv .venv

.venv/.run-$(MPI): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing (about half a minute the first time)"
	@$(PIP) --editable "$(RUN_WITH)"
	@touch $@

.venv/.dev-$(MPI): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing with the tools for tests, lint and docs (about a minute the first time)"
	@$(PIP) --editable "$(DEV_WITH)"
	@touch $@ .venv/.run-$(MPI)

venv: .venv/.run-$(MPI)

run: .venv/.run-$(MPI)
	$(BIN)/mpiexec -n $(RANKS) $(BIN)/nsim run examples/quickstart.toml --out $(OUT)
	$(BIN)/validation report $(OUT) --out $(OUT)/report

# Tests that start ranks or a Slurm of their own need the cores for themselves; of the others each worker takes a file.
ALONE   = (mpi or slurm)
PYTEST := $(BIN)/python -m pytest --cov --cov-report=
WORKERS ?= 2

test: .venv/.dev-$(MPI)
	$(PYTEST) -m "not slow and not $(ALONE)" -n $(WORKERS) --dist loadfile
	$(PYTEST) -m "not slow and $(ALONE)" --cov-append --cov-report=term:skip-covered

test-all: .venv/.dev-$(MPI)
	$(PYTEST) -m "not $(ALONE)" -n $(WORKERS) --dist loadfile
	$(PYTEST) -m "$(ALONE)" --cov-append --cov-report=term:skip-covered

lint: .venv/.dev-$(MPI)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.dev-$(MPI)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/.bench-$(MPI): .venv/.dev-$(MPI)
	@$(PIP) --editable ".[bench]"
	@touch $@

bench: .venv/.bench-$(MPI)
	$(BIN)/python -m benchmarks

docs: .venv/.dev-$(MPI)
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build

lock:
	@tmp=$$(mktemp -d) && $(PYTHON) -m venv $$tmp/v && $$tmp/v/bin/python -m pip install --quiet ".[dev,mpich]" \
	  && { echo "# Versions that CI runs with; renewed by \`make lock\`. A limit, not a list of what gets installed."; \
	       $$tmp/v/bin/python -m pip freeze --exclude solvable-glass; } > constraints.txt; rm -rf $$tmp

clean:
	rm -rf .venv runs docs/_build .coverage* build *.egg-info
