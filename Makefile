# Everything a person does here. `make run` and `make test` each start from nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# What Python has compiled it keeps: tests start it hundreds of times.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup run test check lint bench lock new-channel reference catalogues prompts screenshots clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(STAMP)  ## the environment in .venv, with the `hub` command in it, and the pages' assets
	@$(BIN)/python -m hub.web.build

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## the demo: the hub, the providers' sandboxes, simulated citizens
	$(BIN)/hub demo

test: setup  ## set-up and every test: two files at a time, then the journeys, which wait more than they work
	$(BIN)/pytest --numprocesses 2 --dist loadfile --ignore tests/journeys
	$(BIN)/pytest --numprocesses 3 --dist worksteal tests/journeys

lint: setup  ## ruff, mypy --strict, who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## what CI runs

bench: setup  ## speed as ratios against a ceiling measured in the same run
	$(BIN)/python -m bench.intake
	$(BIN)/python -m bench.outbox
	$(BIN)/python -m bench.inbox
	$(BIN)/python -m bench.live
	$(BIN)/python -m bench.calls

lock: setup  ## pin every dependency with hashes, for every platform
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv
	$(VENV)/lock/bin/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

screenshots: setup  ## take docs/screenshots/ anew
	$(BIN)/python -m docs.screenshots

prompts: setup  ## speak the telephone's Kazakh lines that changed: needs espeak-ng and lame
	$(BIN)/python -m hub.prompts

catalogues: setup  ## put new messages into hub/locale/*/LC_MESSAGES/hub.po
	$(BIN)/python -m hub.web.catalogues

reference: setup  ## write docs/reference/ from the code
	$(BIN)/python -m docs.reference

new-channel: setup  ## scaffold connectors/NAME: make new-channel name=x
	$(BIN)/python -m connectors.testing.scaffold "$(name)"

clean:  ## remove the environment and what the tools left
	rm -rf $(VENV) node_modules hub/static/vendor build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
