# Every target sets up what it needs from the hash-locked requirements: python3 (3.11 or newer, with venv), pip and make.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export VIRTUAL_ENV := $(CURDIR)/.venv
BIN := .venv/bin
READY := .venv/.ready
STATIC := graphql_api/static/manifest.json
EXPLORER := $(wildcard explorer/*.js explorer/*.jsx explorer/*.css explorer/*.svg explorer/examples/*) \
	explorer/build.mjs explorer/package.json explorer/package-lock.json
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(READY): requirements/bootstrap.txt requirements/dev.txt pyproject.toml
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Seatgate needs python3, 3.11 or newer"; exit 1; }
	@python3 -c 'import venv, ensurepip' || { echo "python3 has no venv; on Debian: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/python || python3 -m venv .venv
	@$(BIN)/pip install --disable-pip-version-check --require-hashes -r requirements/bootstrap.txt > .venv/pip.log 2>&1 \
		|| { cat .venv/pip.log; exit 1; }
	@$(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: $(READY) ## Make .venv from the locked requirements

$(STATIC): $(EXPLORER) | $(READY)
	@$(BIN)/npm --prefix explorer ci --silent --ignore-scripts --no-audit --no-fund
	@$(BIN)/node explorer/build.mjs

.PHONY: explorer
explorer: $(STATIC) ## Build the explorer into graphql_api/static

.PHONY: run
run: $(READY) ## Set up, load the demo and serve it on 127.0.0.1:8000
	@$(MAKE) --silent --no-print-directory $(STATIC) || echo "The explorer could not be built; serving without it."
	@exec $(BIN)/seatgate demo

.PHONY: check
check: $(READY) ## Lint, format, types, import contracts
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: test
test: $(READY) $(STATIC) check ## Run every check and every test, PostgreSQL included
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

# Counting branches takes twice as long as running without, so it is a target of its own.
.PHONY: cover
cover: $(READY) ## Run the tests of the domain on SQLite and insist on 95 % of its branches
	@$(BIN)/python -m pytest -n 2 --dist loadgroup --cov --cov-report=term:skip-covered tests/domain -k "not postgresql"

JUDGE := .venv-peer/.ready
$(JUDGE): requirements/peer.txt | $(READY)
	@test -x .venv-peer/bin/python || python3 -m venv --without-pip .venv-peer
	@VIRTUAL_ENV=$(CURDIR)/.venv-peer $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements/peer.txt
	@touch $@

.PHONY: test-peer
test-peer: $(JUDGE) ## Let billing-e2e judge the Stripe peer of the tests
	@.venv-peer/bin/python -m tests.peers.judged

AUDITS := tests/protocol/node_modules/.package-lock.json
$(AUDITS): tests/protocol/package.json tests/protocol/package-lock.json | $(READY)
	@$(BIN)/npm --prefix tests/protocol ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.PHONY: test-protocol
test-protocol: $(AUDITS) ## Let graphql-http judge GraphQL over HTTP, by its 61 audits
	@$(BIN)/python -m tests.protocol.audited

ATTEMPTS ?= 1000000
SECONDS ?= 28800
KILLS ?= 100
SEED ?= 1
WALKS ?= 10000
CUSTOMERS ?= 1000
STATES ?= 1000000
HISTORIES ?= 10000
.PHONY: prove
prove: $(READY) ## Prove everything at full size: ATTEMPTS, SECONDS, KILLS, WALKS, CUSTOMERS, STATES, HISTORIES, SEED
	@$(BIN)/python -m tests.proofs entitlements --states $(STATES) --seed $(SEED)
	@$(BIN)/python -m tests.proofs webhooks --walks $(WALKS) --seed $(SEED)
	@$(BIN)/python -m tests.proofs faults
	@$(BIN)/python -m tests.proofs past --histories $(HISTORIES) --seed $(SEED)
	@$(BIN)/python -m tests.proofs.year --customers $(CUSTOMERS) --seed $(SEED)
	@$(BIN)/python -m tests.proofs seats --attempts $(ATTEMPTS) --seconds $(SECONDS) --kills $(KILLS) --seed $(SEED)

.PHONY: bench
bench: $(READY) ## Measure the entitlements query and addMember beside raw ASGI and naive Strawberry
	@$(BIN)/python -m benchmarks

.PHONY: schema
schema: $(READY) ## Write schema.graphql and tests/demo.graphql
	@$(BIN)/seatgate schema > schema.graphql
	@$(BIN)/seatgate demo schema > tests/demo.graphql

.PHONY: parity
parity: $(READY) ## Play the billing stories on every processor and write docs/parity.md
	@$(BIN)/python -m tests.parity

.PHONY: migrate
migrate: $(READY) ## Bring the database to the newest migration
	@$(BIN)/seatgate migrate

.PHONY: lock
lock: $(READY) ## Resolve requirements/*.in anew into the hash-locked *.txt
	@$(LOCK) --upgrade requirements/dev.in -o requirements/dev.txt
	@$(LOCK) --constraint requirements/dev.txt requirements/runtime.in -o requirements/runtime.txt
	@$(LOCK) --constraint requirements/dev.txt requirements/peer.in -o requirements/peer.txt
	@$(LOCK) requirements/bootstrap.in -o requirements/bootstrap.txt

.PHONY: clean
clean: ## Delete everything that make has made, the demo's database included
	@rm -rf .venv .venv-peer .seatgate seatgate.db* graphql_api/static explorer/node_modules tests/protocol/node_modules
