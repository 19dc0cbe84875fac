# The verbs of the gateway. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
FUZZ_SECONDS ?= 60
WARNINGS := GATEWAY_WARNINGS_AS_ERRORS=1

.PHONY: help run test build check lint docs-unchanged bench bench-ledger fuzz asan tsan callgrind clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-16s %s\n", $$1, $$2 }'

run: ## build, then start a gateway on 127.0.0.1:3000 and print a line to try
	@scripts/bootstrap run
	swift build -c release
	.build/release/gateway run

build: ## the gateway and its plugins, optimised, into .build/release
	@scripts/bootstrap run
	swift build -c release

test: ## every test: house rules, units, scenarios against a real gateway
	@scripts/bootstrap test
	swift build
	@$(PYTHON) Tests/run.py

check: ## all that must hold before a change lands: format, warnings, both builds, tests, documents
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory lint
	$(WARNINGS) swift build --scratch-path .build-check
	$(WARNINGS) swift build --scratch-path .build-check -c release
	@$(MAKE) --no-print-directory docs-unchanged
	@$(MAKE) --no-print-directory test

lint: ## the formatting of every Swift file
	swift format lint --recursive --parallel --strict Package.swift Sources Plugins Tests examples

docs-unchanged: ## generated documents say what the code says
	GATEWAY_REWRITE_DOCS=1 swift test --filter generatedDocuments
	@git diff --exit-code --stat -- docs || { echo "the code says otherwise: commit what was written to docs/"; exit 1; }

bench: ## CPU per exchange beside nginx, memory, start-up; a table and one JSON line per run
	@scripts/bootstrap test
	swift build -c release
	@$(PYTHON) Tests/Bench/bench.py

bench-ledger: ## a ledger of five million requests: sums, export, rebuild
	@scripts/bootstrap test
	swift build -c release
	@$(PYTHON) Tests/Bench/ledger.py

callgrind: ## user instructions per exchange, the noise-free figure
	@scripts/bootstrap test
	swift build -c release
	@$(PYTHON) Tests/Bench/callgrind.py

fuzz: ## every fuzzer for FUZZ_SECONDS (60) seconds
	@scripts/bootstrap run
	Tests/Fuzz/run all --seconds $(FUZZ_SECONDS)

asan: ## every test under AddressSanitizer
	@scripts/bootstrap test
	swift build --scratch-path .build-address --sanitize=address
	@$(PYTHON) Tests/run.py --sanitize address

tsan: ## every test under ThreadSanitizer
	@scripts/bootstrap test
	swift build --scratch-path .build-thread --sanitize=thread -Xlinker --export-dynamic
	@$(PYTHON) Tests/run.py --sanitize thread

clean: ## forgets what was built
	rm -rf .build .build-*
