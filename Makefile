# Two commands do all set-up: `make demo` and `make test`. `make help` lists the rest.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ARGS ?=
SEEDS ?= 10000

.PHONY: help setup peers demo test check fix lock bench simulate clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready  ## Make the environment from the hashed lock

$(VENV)/.ready: requirements.lock pyproject.toml
	@PYTHON="$(PYTHON)" VENV="$(VENV)" sh .ci/setup
	@touch $@

peers: $(VENV)/.ready .peers/.ready  ## Install the programs that some tests talk to: SMS gateway, browser, API mocks

.peers/.ready: .ci/peers tests/peers/package-lock.json tests/peers/localstripe.lock tests/peers/recordlinkage.lock
	@PYTHON="$(PYTHON)" VENV="$(abspath $(VENV))" sh .ci/peers

demo: setup  ## Run the whole flow on made-up people, then serve it (ARGS=--no-serve ends by itself)
	@$(BIN)/cbi demo $(ARGS)

# Hundreds of processes begin anew in the tests; where Python may not keep what it compiled, each would compile it again.
# A file's tests stay together, as two processes would each make what is made once for the file; in the order of the
# folders, so that the small files of `tests/unit` come last and neither process waits long for the other.
test: setup peers check  ## Lint, types, import rules, then every test
	@$(BIN)/python -m compileall -q cbi adapters benchmarks
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## Lint, format, types and import rules only
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: setup  ## Let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: setup  ## Resolve requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra test --output-file requirements.lock pyproject.toml

bench: setup  ## Measure each step as a ratio to its floor (ARGS="--households 100000")
	@$(BIN)/python -m benchmarks.run $(ARGS)

simulate: setup  ## Live thousands of random lives with faults (SEEDS=10000, ARGS="--first 1 --json")
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

clean:  ## Remove the environment and the demo's data
	@rm -rf $(VENV) .peers tests/peers/node_modules .cbi-data
