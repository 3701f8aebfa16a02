# Every target does its own set-up. Nothing is needed first but Python 3.11+ (with venv), make and git.
PYTHON ?= python3
VENV   := .venv/bin
RUNTIME ?= python3.13
ARCH    ?= arm64

.PHONY: help setup demo up down layer matrix verify doctor terraform-provider unit check test soak bench format lock clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install everything into .venv, node_modules and build/ (the other targets do it themselves)
	@$(PYTHON) local/setup.py

demo: setup ## deploy both halves on local clouds, query BigQuery from Lambda, take everything down
	@$(VENV)/python -m local demo

up: setup ## the local clouds with the stacks deployed, left running; build/local.env says how to reach them
	@$(VENV)/python -m local up

down: ## stop what `make up` started
	@$(VENV)/python -m local down

layer: setup ## build the layer's zip for another tool to publish: make layer RUNTIME=python3.13 ARCH=arm64
	@$(VENV)/python lambda_layer/build.py --runtime $(RUNTIME) --architecture $(ARCH) --describe

matrix: setup ## build the layer for every runtime and architecture; docs/layer.md tells what came out
	@$(VENV)/python -m lambda_layer.matrix

terraform-provider: setup ## build Terraform's google provider once, for the tests that use it
	@$(VENV)/python -m local terraform $(if $(SOURCE),--source $(SOURCE))

verify: setup ## on YOUR accounts: deploy, query, break and mend a link, destroy; asks before it spends
	@$(VENV)/python -m stacks.verify

doctor: setup ## which link of a deployed function's chain is broken: make doctor FUNCTION=name [TABLE=project.dataset.table]
	@$(VENV)/keyless doctor '$(FUNCTION)' $(if $(TABLE),--table '$(TABLE)')

# On every core; a file's tests stay together. Words for pytest: make test ARGS="tests/unit/test_docs.py -k flag"
PYTEST := $(VENV)/python -m pytest -n auto

unit: setup ## the tests that need no clouds, in under two minutes
	@$(PYTEST) tests/unit tests/infra -m 'not layer_build' $(ARGS)

check: setup ## style, types and the direction of imports
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@PYTHONPATH=. $(VENV)/lint-imports --no-cache

test: setup ## every test, on local clouds of its own; of sweeps a sample
	@$(PYTEST) $(ARGS)

soak: setup ## the sweeps in full: thousands of drawn cases
	@$(PYTEST) --soak -m sweep $(ARGS)

bench: setup ## what a cold start costs, with Keyless and without; build/bench.json and docs/bench.svg
	@$(VENV)/python -m tests.bench --picture

format: setup ## let the linter mend what it can
	@$(VENV)/ruff check --fix .
	@$(VENV)/ruff format .

LOCK := $(VENV)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11

lock: setup ## resolve pyproject.toml anew into the lock files (hashes, no addresses)
	@$(LOCK) --group uv -o requirements-uv.lock
	@$(LOCK) --group runtime -o requirements-runtime.lock
	@$(LOCK) --group layer --excludes lambda_layer/excluded.txt -o requirements-layer.lock
	@$(LOCK) --group layer -c requirements-layer.lock -o tests/bench/requirements.lock
	@$(LOCK) --group dev -o requirements.lock

clean: ## remove all that set-up and builds made
	@rm -rf .venv node_modules build cdk.out .mypy_cache .pytest_cache .ruff_cache .hypothesis
