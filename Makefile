# `make` alone lists what there is to do.
PYTHON ?= python3
TWEETS ?=
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PACKAGES := sh infra/local/install-packages.sh
# A virtual environment holds absolute paths and one Python's packages: moved, copied or below a newer Python it is made
# anew.
OWN := $(BIN)/python -Ic 'import os, sys; print(*sys.version_info[:2], os.getcwd())'
PIP := $(BIN)/pip install -q --disable-pip-version-check --no-deps
CLEAR := $(shell [ ! -e $(INSTALLED) ] || [ "$$(cat $(INSTALLED))" = "$$($(OWN) 2>/dev/null)" ] || echo --clear)

.DEFAULT_GOAL := help
.PHONY: help setup locks sbom demo up down status test long tls hosts failover coverage fuzz lint chaos bench docs site screenshots

help: ## This list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## Start everything and watch the whole story; TWEETS=file.jsonl.gz uses your tweets
	@$(BIN)/viral demo $(if $(TWEETS),--tweets "$(TWEETS)")

up: setup ## Start the stack (or what is missing of it) without the story
	@$(BIN)/viral up

down: ## Stop everything that was started here; PURGE=1 also deletes its data
	@if [ -x $(BIN)/viral ] && [ -z "$(CLEAR)" ]; then $(BIN)/viral down $(if $(PURGE),--purge); \
	elif [ -e "$(or $(VIRAL_DATA_DIR),.viral)/stack-id" ]; then \
	  echo "error: what was started here can only be stopped with its Python packages: run \`make setup\` first" >&2; exit 1; \
	else echo "nothing is running"; fi

status: $(INSTALLED) ## What runs, whether it is ready, the newest batches
	@$(BIN)/viral status

# Tests wait for servers about as long as they compute: one process more than there are cores.
test: setup ## All tests, side by side; PYTEST="-k kill" chooses, on one core
	@$(PACKAGES) chromium iproute2 nftables
	@$(BIN)/pytest $(or $(PYTEST),-n $$(($$(getconf _NPROCESSORS_ONLN) + 1)))

long: setup ## The tests that `make test` leaves out for the time they take
	@VIRAL_TEST_LONG=1 $(BIN)/pytest -m long
	@VIRAL_TEST_LONG=1 $(BIN)/pytest tests/containers/test_install_steps.py

tls: setup ## The long tests of encryption: real servers with TLS, Caddy, certificates renewed meanwhile
	@$(PACKAGES) postgresql
	@VIRAL_TEST_TLS=1 $(BIN)/pytest tests/integration/tls tests/integration/gateway/test_edge.py

hosts: setup ## Three hosts by docs/three-hosts.md, each of which loses its power; some minutes, as root
	@$(PACKAGES) postgresql iproute2 nftables curl
	@VIRAL_TEST_LONG=1 $(BIN)/pytest -s tests/integration/hosts

failover: setup ## Three nodes of RabbitMQ, and docs/failover.md, whose hosts vanish in turn; 20 minutes, as root
	@$(PACKAGES) postgresql patroni etcd-server python3-etcd caddy curl iproute2 nftables
	@VIRAL_TEST_FAILOVER=1 $(BIN)/pytest -s tests/integration/failover

coverage: setup ## All tests once more, with the branches that they reach
	@$(PACKAGES) chromium iproute2 nftables
	@$(BIN)/pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --cov --cov-report=term:skip-covered

fuzz: setup ## Damaged artefacts, archives, messages, made-up requests: 5,000 each, half an hour; CASES=500
	@FUZZ_CASES=$(or $(CASES),5000) FUZZ_CASES_PER_CALL=$(or $(CASES),5000) \
	  $(BIN)/pytest tests/fuzz tests/integration/gateway/test_openapi_fuzz.py

chaos: setup ## Break a running pipeline, 500 faults in 20 minutes, as root; SEED=7 repeats, ROUND=3, FAULTS=100
	@$(PACKAGES) iproute2 nftables postgresql e2fsprogs tcc
	@$(BIN)/python -m tests.chaos

lint: $(INSTALLED) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## Benchmarks, written to .viral/bench.json
	@$(BIN)/python -m tests.bench

docs: $(INSTALLED) ## Generate the pages that come from the code
	@$(BIN)/python -m docs.generate

site: $(INSTALLED) ## The documentation as a web site, in site/; no network is needed
	@$(BIN)/zensical build --clean --strict

screenshots: $(INSTALLED) ## The README's two pictures, of the running stack
	@$(PACKAGES) chromium
	@$(BIN)/python -m docs.screenshots

setup: $(INSTALLED) ## Virtual environment, Python packages, RabbitMQ; again does nothing
	@$(PACKAGES) rabbitmq-server

locks: $(INSTALLED) ## Write locks/ from pyproject.toml; UPGRADE=1 takes the newest releases
	@$(BIN)/python infra/renew_locks.py $(if $(UPGRADE),--upgrade)

sbom: $(INSTALLED) ## What each image is made of, as CycloneDX, in sbom/
	@mkdir -p sbom
	@for lock in $(basename $(notdir $(wildcard locks/*.txt))); do \
	  $(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible -o sbom/$$lock.cdx.json locks/$$lock.txt || exit 1; \
	done

# Once, and again when the dependencies change or the environment is not from here. Only what the locks name is
# installed, by its sha256. torch for the CPU if an index or folder that pip looks into has it, else PyPI's with CUDA.
ifneq ($(CLEAR),)
.PHONY: $(INSTALLED)
endif
$(INSTALLED): pyproject.toml $(wildcard locks/*.txt)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(PACKAGES) python3-venv
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo "error: this Python cannot make virtual environments: apt-get install python3-venv, or name another: make PYTHON=..." >&2; exit 1; }
	@echo "installing Python packages into $(VENV) (some minutes, once)"
	@$(PYTHON) -m venv $(CLEAR) $(VENV)
	@$(PIP) --require-hashes -r locks/dev.txt
	@said=$$($(PIP) --require-hashes -r locks/torch-cpu.txt 2>&1) || case $$said in \
	  *"No matching distribution"*) $(PIP) --require-hashes -r locks/torch-cuda.txt ;; \
	  *) echo "$$said" >&2; exit 1 ;; \
	esac
	@$(PIP) --no-build-isolation -e .
	@$(OWN) >$@
