# `make serve` and `make test` need Python 3.11 or newer, make and a package index; all else they set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)

.PHONY: serve test check format schema lock test-real test-browser bench clean

serve: $(VENV)/.serve
	@$(BIN)/competent-graphql serve

test: $(VENV)/.dev
	$(BIN)/pytest -n auto -m "not browser and not real"

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/competent-graphql schema | diff - schema.graphql

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev
	$(BIN)/competent-graphql schema > schema.graphql

test-real: $(VENV)/.dev
	$(BIN)/pytest -n auto --dist loadfile -m real

test-browser: $(VENV)/.dev
	$(BIN)/pytest -m browser

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/index.py

lock: $(VENV)/.uv
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml -o requirements/serve.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --all-extras \
		-c requirements/serve.txt -o requirements/extras.txt
	$(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate pyproject.toml --all-extras --group dev \
		-c requirements/extras.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV)

$(VENV)/.uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 …")'
	@$(PYTHON) -m venv $(VENV)
	@command -v uv >/dev/null || $(BIN)/pip install -q --disable-pip-version-check uv
	@touch $@

$(VENV)/.serve: requirements/serve.txt pyproject.toml | $(VENV)/.uv
	@echo "Setting up $(VENV) …"
	@$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r requirements/serve.txt
	@$(UV) pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.serve
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@
