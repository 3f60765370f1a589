# `make quickstart` does the main job, `make test` the tests; both make .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: quickstart test lint heavy clean

quickstart: $(VENV)/installed
	$(BIN)/pyro-factor quickstart

test: $(VENV)/installed-test lint
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

heavy: $(VENV)/installed-test
	$(BIN)/pytest -m heavy

clean:
	rm -rf $(VENV)

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install -e .
	touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install -e '.[test]'
	touch $@
