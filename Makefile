SHELL := /bin/sh
.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PACKAGES = setup.cfg proxy/__init__.py

CLAUDE_CODE := 2.1.197
CLIENT := $(VENV)/claude-code
TYPESCRIPT_SDK := 1.14.0
SDK := $(VENV)/typescript-sdk
AI_SDK := $(VENV)/ai-sdk
LANGCHAIN := $(VENV)/langchain

SOURCES := bench config proxy tests claude_messages_proxy.py wsgi.py deploy/gunicorn.conf.py

BENCH_TOOLS := bench/.build/mock_upstream bench/.build/load_driver

.PHONY: help
help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name what; do \
	  printf '  make %-11s %s\n' "$$name" "$$what"; done

.PHONY: setup
setup: $(VENV)/.installed ## install what the service needs into .venv
	@printf '%s\n' 'Ready. Choose provider, key and models, then start it:' '' \
	  '  $(BIN)/claude-proxy init' '  make run' '' 'Without a key: make demo'

.PHONY: run
run: $(VENV)/.installed ## start the service (settings: .env and the environment)
	@exec $(BIN)/claude-proxy

.PHONY: dev
dev: $(VENV)/.installed ## start it with one worker, anew after each change of a file
	@CLAUDE_PROXY_WORKERS=1 exec $(BIN)/python -m proxy.cli.autoreload

.PHONY: demo
demo: $(VENV)/.installed ## start it with a built-in stand-in for a model: no key needed
	@exec $(BIN)/claude-proxy demo

# Three processes keep two cores busy while tests wait for services; a file's tests stay together.
TEST_PROCESSES ?= 3
IN_PARALLEL := --numprocesses $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
TESTS = $(BIN)/python -m pytest $(IN_PARALLEL)

.PHONY: test
test: $(VENV)/.installed-dev ## run the tests, except the long ones
	@$(TESTS)

.PHONY: test-all
test-all: programs ## run every test, with the real clients and servers
	@$(TESTS) --part=all

.PHONY: test-rest
test-rest: programs ## run what test-all has and test has not
	@$(TESTS) --part=rest

.PHONY: programs
programs: $(VENV)/.installed-dev $(CLIENT)/.installed $(SDK)/.installed $(AI_SDK)/.installed $(LANGCHAIN)/.installed system-packages ## install the clients and servers that tests start

# They measure CPU time or memory, which coverage enlarges; make test-all runs them.
UNMEASURED := --ignore=tests/bench/test_growth.py --ignore=tests/deploy/test_memory.py --ignore=tests/security/test_bombs.py --ignore=tests/security/test_blow_ups.py

.PHONY: check
check: programs ## run every gate: format, lint, types, all tests, coverage
	@$(BIN)/ruff format --check --quiet $(SOURCES)
	@$(MAKE) --no-print-directory lint types
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run --parallel-mode -m pytest $(IN_PARALLEL) --part=all $(UNMEASURED)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --show-missing

.PHONY: lint
lint: $(VENV)/.installed-dev ## look for mistakes, misspellings and upward imports
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/codespell bench/*.py bench/*.md bench/*.c bench/*.h config proxy claude_messages_proxy.py wsgi.py README.md CHANGELOG.md docs Makefile setup.cfg
	@$(BIN)/lint-imports --no-cache >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }

.PHONY: format
format: $(VENV)/.installed-dev ## format the sources
	@$(BIN)/ruff format $(SOURCES)
	@$(BIN)/ruff check --quiet --fix $(SOURCES)

.PHONY: docs
docs: $(VENV)/.installed-dev ## generate the tables in docs/ and deploy/.env.example
	@$(BIN)/python -m config.documentation
	@$(BIN)/python -m tests.docs.generated

.PHONY: pictures
pictures: $(VENV)/.installed-dev $(CLIENT)/.installed ## draw docs/images/demo.svg from make demo and Claude Code
	@$(BIN)/python -m tests.docs.picture

.PHONY: types
types: $(VENV)/.installed-dev ## check the types
	@$(BIN)/mypy

.PHONY: soak
soak: $(VENV)/.installed-dev ## ten minutes (SOAK_SECONDS) of load, restarts and kills
	@$(BIN)/python -m tests.soak

.PHONY: bench-quick
bench-quick: $(VENV)/.installed-dev $(BENCH_TOOLS) ## what the proxy costs beside nginx, in five minutes
	@$(BIN)/python -m bench --quick

.PHONY: bench
bench: $(VENV)/.installed-dev $(BENCH_TOOLS) ## the same at length; writes bench/RESULTS.md
	@$(BIN)/python -m bench

.PHONY: bench-peers
bench-peers: $(VENV)/.installed-dev $(BENCH_TOOLS) ## the same with other proxies, from their packages
	@$(BIN)/python -m bench --peers

bench/.build/%: bench/%.c bench/sockets.h
	@mkdir -p bench/.build
	@$(CC) -O3 -Wall -Wextra -o $@ $<

# No lock file has the fuzzer: it has wheels for Linux only, and only this target needs it.
FUZZER := $(VENV)/fuzzer
FUZZ_SECONDS ?= 3600
FUZZ_EXAMPLES ?= 10000

.PHONY: fuzz
fuzz: $(VENV)/.installed-dev $(FUZZER)/.installed ## fuzz the converters; new inputs stay in tests/fuzz/corpus
	@$(TESTS) --part=laws --examples=$(FUZZ_EXAMPLES) --timeout=3600
	@PYTHONPATH=$(FUZZER) $(BIN)/python -m tests.fuzz.guided $(FUZZ_SECONDS)

$(FUZZER)/.installed: tests/fuzz/requirements.txt | $(BIN)/python
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --upgrade \
	  --target $(FUZZER) --requirement $<
	@touch $@

.PHONY: lock
lock: $(VENV)/.installed-dev ## choose the newest versions of all dependencies
	@$(BIN)/python -m pip install -qq --disable-pip-version-check uv
	@$(LOCK) --output-file deploy/requirements.lock
	@$(LOCK) --extra dev --constraint deploy/requirements.lock --output-file deploy/requirements-dev.lock

LOCK = $(BIN)/uv pip compile setup.cfg --quiet --upgrade --universal --python-version 3.11 \
  --generate-hashes --no-header --annotation-style line --extra otel --extra sentry --extra build

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer is needed, and no python3 is there' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Python 3.11 or newer is needed; choose one with: make PYTHON=/path/to/python3' >&2; exit 1; }
	@echo 'Creating $(VENV)'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.installed: deploy/requirements.lock $(PACKAGES) | $(BIN)/python
	@echo 'Installing the service into $(VENV)'
	@$(call install,deploy/requirements.lock)
	@touch $@

$(VENV)/.installed-dev: deploy/requirements-dev.lock $(PACKAGES) | $(BIN)/python
	@echo 'Installing the service and its tools into $(VENV)'
	@$(call install,deploy/requirements-dev.lock)
	@touch $@ $(VENV)/.installed

# An environment that uv made (uv run) has no pip.
install = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
  $(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes \
  --requirement $(1) && $(BIN)/python -m pip install -qq --disable-pip-version-check \
  --no-deps --no-build-isolation --editable .

# No stamp: .venv may outlive the machine whose packages these were, and looking costs nothing.
.PHONY: system-packages
system-packages:
	@tests/system_packages.sh

# The tests with real clients say that they were skipped where these cannot be installed. npm would
# otherwise try for minutes where there is no network.
NPM = npm install --prefix $(@D) --silent --no-audit --no-fund --no-save --ignore-scripts \
  --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000 --fetch-timeout=60000

$(CLIENT)/.installed: | $(BIN)/python
	@$(call npm-install,@anthropic-ai/claude-code@$(CLAUDE_CODE),Claude Code)

$(SDK)/.installed: | $(BIN)/python
	@$(call npm-install,@anthropic-ai/sdk@$(TYPESCRIPT_SDK),the TypeScript SDK)

$(AI_SDK)/.installed: | $(BIN)/python
	@$(call npm-install,ai@6.0.326 @ai-sdk/anthropic@3.0.140 zod@4.6.7,the AI SDK)

# In an environment of its own, since it chooses its own versions of packages that the tests use too.
$(LANGCHAIN)/.installed: tests/frameworks/requirements.txt | $(BIN)/python
	@$(BIN)/python -m venv --clear $(LANGCHAIN)
	@if $(LANGCHAIN)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement $<; \
	then touch $@; else echo 'LangChain cannot be installed: the tests with it will be skipped'; fi

# $(1): packages with their versions, of which any will do where these are gone; $(2): what the tests
# with them are called after.
npm-install = mkdir -p $(@D); \
  if ! command -v npm >/dev/null; then \
    echo 'npm is not there: the tests with $(2) will be skipped'; \
  elif $(NPM) $(1) || $(NPM) $(foreach package,$(1),$(call unversioned,$(package))); then touch $@; \
  else echo '$(2) cannot be installed: the tests with it will be skipped'; fi

# @scope/name@1.2 -> @scope/name, name@1.2 -> name
unversioned = $(if $(filter @%,$(1)),@)$(firstword $(subst @, ,$(1)))
