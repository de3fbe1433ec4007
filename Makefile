# `make serve` and `make test` need Python 3.11 or newer, make and a package index; all else they set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(or $(shell command -v uv),$(BIN)/uv)

.PHONY: serve test test-slow test-quick check check-breaking format hooks schema docs messages lock test-real test-soak test-browser test-clients test-valkey test-plans fuzz screenshot bench bench-index bench-search bench-faults bench-hostile clean

# make serve EXTRAS=semantic also installs that extra, for search by meaning.
serve: $(VENV)/.serve $(EXTRAS:%=$(VENV)/.extra-%)
	@test -n "$(wildcard $(VENV)/.extra-semantic)$(EXTRAS)" || echo "Search by meaning, across languages: make serve EXTRAS=semantic"
	@$(BIN)/competent-graphql serve

# Without compiled bytecode each run of the tests compiles 800 files again, in each process that it starts.
unexport PYTHONDONTWRITEBYTECODE

# What `make test` and `make test-slow` share: the other suites need more than Python, or far longer. Loading schemathesis, which
# only `make fuzz` uses, takes each process more than a second.
SUITES_APART := not browser and not real and not soak and not valkey and not fuzz and not plans

PYTEST_APART := $(BIN)/pytest -n auto -p no:schemathesis --ignore tests/fuzz

test: $(VENV)/.dev
	$(PYTEST_APART) -m "$(SUITES_APART) and not slow"

test-slow: $(VENV)/.dev
	$(PYTEST_APART) -m "$(SUITES_APART) and slow"

# A subset of `make test` for the other supported Pythons, under a minute on two idle cores: what a new Python breaks first
# (asyncio, sqlite3, typing, compiled dependencies, the command line), and each layer once.
#   make test-quick PYTHON=python3.13 VENV=.venv-3.13
QUICK := $(addprefix tests/,sandbox test_asyncio_tools.py test_sqlite_connections.py cli/test_cli.py http/graphql/test_http.py \
	http/streaming/test_websocket.py index/test_crawler.py schema/test_loaders.py schema/test_schema.py server/test_serve.py \
	server/test_stop.py settings/test_settings.py store/test_sqlite.py types/test_release.py)

test-quick: $(VENV)/.dev
	$(PYTEST_APART) -m "$(SUITES_APART)" $(QUICK)

check: $(VENV)/.dev check-breaking
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_names.py
	$(BIN)/python .ci/check_words.py
	$(BIN)/python .ci/check_data.py
	$(BIN)/competent-graphql schema | diff - schema.graphql

# Would a client of the last release (the newest tag v… before this commit) break?
check-breaking: $(VENV)/.dev
	@tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); \
	if [ -n "$$tag" ]; then git show "$$tag:schema.graphql" | $(BIN)/competent-graphql schema --since -; \
	elif [ "$$(git rev-parse --is-shallow-repository 2>/dev/null)" = true ]; then \
		echo "Not compared with the last release: this clone has no tags (git fetch --tags --unshallow)."; \
	else echo "No release yet: no older schema to compare with."; fi

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.dev
	$(BIN)/competent-graphql schema > schema.graphql

# Bring the catalogues of the pages up to date with their templates; new messages are then translated by hand.
CATALOGUES := graphql_api/http/pages/catalogues
messages: $(VENV)/.dev
	$(BIN)/pybabel -q extract -F pyproject.toml -o $(VENV)/messages.pot --omit-header --no-location --sort-output .
	for language in nl fr de; do \
		$(BIN)/pybabel -q update -i $(VENV)/messages.pot -o $(CATALOGUES)/$$language.po -l $$language --no-fuzzy-matching --ignore-obsolete --omit-header --no-wrap || exit 1; \
	done

# Checks run before each commit; `git commit --no-verify` skips them.
hooks: $(VENV)/.dev
	@.ci/install-hooks

# The generated parts of docs/: the tables of settings and the help of the commands.
docs: $(VENV)/.dev
	$(BIN)/python .ci/generate_docs.py

test-real: $(VENV)/.dev
	$(BIN)/pytest -n auto --dist loadfile -m real

test-soak: $(VENV)/.dev
	SOAK_MINUTES=$(or $(MINUTES),2) $(BIN)/pytest -m soak

test-browser: $(VENV)/.dev tests/browser/node_modules/.package-lock.json
	$(BIN)/pytest -m browser

# The pictures of GraphiQL and the explorer in docs/; they need Chromium and its chromedriver.
screenshot: $(VENV)/.dev
	$(BIN)/python -m tests.browser.take_screenshots

test-clients: $(VENV)/.serve $(VENV)-clients/.done tests/clients/node_modules/.package-lock.json
	cd tests/clients && npm test
	$(VENV)-clients/bin/python -m unittest -v tests/clients/python/test_python_clients.py

test-valkey: $(VENV)/.dev
	$(BIN)/pytest -m valkey

test-plans: $(VENV)/.dev
	$(BIN)/pytest -n auto -m plans --show-capture=no
	COMPETENT_COMPILED_QUERIES=off $(BIN)/pytest -q -n auto tests/types tests/server/test_upstream_faults.py tests/http/graphql/test_http.py tests/schema/types/test_global_id.py tests/server/test_stale.py tests/schema/test_federation.py

fuzz: $(VENV)/.dev
	$(BIN)/pytest -n auto -m fuzz

# make bench PARTS=warm SECONDS=1 RUNS=1 is short, for developing: it leaves docs/performance.md as it is.
bench: $(VENV)/.dev $(VENV)-benchmarks/.done benchmarks/peers/node_modules/.package-lock.json
	$(BIN)/python -m benchmarks.speed $(PARTS) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS)); \
	status=$$?; $(if $(SECONDS)$(RUNS),,$(VENV)-benchmarks/bin/python benchmarks/speed/plots.py;) exit $$status

bench-index: $(VENV)/.dev
	$(BIN)/python -m benchmarks.index

# make bench-search BESIDE=../other-checkout compares with that one; TUNE=1 measures the queries for tuning, and lists misses.
bench-search: $(VENV)/.dev
	$(BIN)/python -m benchmarks.search $(WORKBOOK) $(if $(BESIDE),--beside $(BESIDE)) $(if $(TUNE),--tune)

bench-hostile: $(VENV)/.dev
	$(BIN)/python -m benchmarks.hostile $(if $(SECONDS),--seconds $(SECONDS))

bench-faults: $(VENV)/.dev
	$(BIN)/python -m benchmarks.faults --seconds $(or $(SECONDS),60) $(PROMISES)

lock: COMPILE := $(UV) pip compile -q --universal --generate-hashes --no-header --no-annotate
lock: $(VENV)/.uv
	$(COMPILE) requirements/clients.in -o requirements/clients.txt
	$(COMPILE) requirements/benchmarks.in -o requirements/benchmarks.txt
	$(COMPILE) pyproject.toml -o requirements/serve.txt
	$(COMPILE) pyproject.toml --extra semantic -c requirements/serve.txt -o requirements/semantic.txt
	$(COMPILE) pyproject.toml --all-extras -c requirements/semantic.txt -o requirements/extras.txt
	$(COMPILE) pyproject.toml --all-extras --group dev -c requirements/extras.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) $(VENV)-* tests/clients/node_modules benchmarks/peers/node_modules benchmarks/results

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

$(VENV)/.extra-%: requirements/%.txt $(VENV)/.serve
	@$(UV) pip install -q --python $(BIN)/python --compile-bytecode --require-hashes -r $<
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.serve
	@$(UV) pip install -q --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)-%/.done: requirements/%.txt | $(VENV)/.uv
	@$(PYTHON) -m venv $(@D)
	@$(UV) pip install -q --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
