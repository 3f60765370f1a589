# `make quickstart` does the main job, `make test` the tests, `make docs` the reference of the Python
# interface; each makes .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOMS := models inference evaluation data posterior errors

.PHONY: quickstart test lint heavy docs clean

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

docs: $(VENV)/installed-test
	$(BIN)/pdoc --docformat google --math -o site $(ROOMS:%=pyro_factor.%)

clean:
	rm -rf $(VENV) site

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install -e .
	touch $@

$(VENV)/installed-test: pyproject.toml | $(VENV)/bin/pip
	$(BIN)/pip install -e '.[test]'
	touch $@
