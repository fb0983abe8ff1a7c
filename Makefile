# `make help` is the menu. Everything is installed under .venv; nothing else on the machine is touched,
# except that `make test` run as root on Debian installs the servers that the tests start.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Twice as many workers as cores, as many tests wait; a file stays on one worker, and the slowest files come first.
IN_PARALLEL = -n $$(($$(nproc) * 2)) --dist loadfile --no-loadscope-reorder
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run install check test test-fast test-django test-compose faults scan docs format requirements migration clean \
  up mails down logs trace deploy backup restore

help: ## Show this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.runtime ## Run web, worker and relay on http://127.0.0.1:8000 (another port: make run PORT=8001)
	@exec $(BIN)/flask dev

install: $(VENV)/.development ## Install all that development needs

check: $(VENV)/.development ## Lint, types, import contracts, migrations (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -p no:cacheprovider tests/project/test_templates.py tests/project/test_migrations.py

test: $(VENV)/.development ## Run every test, against real servers (as root on Debian it installs what is missing)
	@tests/install-servers
	$(BIN)/pytest $(IN_PARALLEL) tests/faults tests/security tests/integration tests/functional tests/unit tests/project

test-fast: $(VENV)/.development ## Run the tests that need no server: unit and functional
	$(BIN)/pytest $(IN_PARALLEL) tests/functional tests/unit

test-django: $(VENV)/.development ## Compare with the real Django, installed aside: passwords and paths
	$(BIN)/pytest tests/django

test-compose: $(VENV)/.development ## Test the deployment with Docker Compose, apart from one that runs (ten minutes)
	$(BIN)/pytest tests/compose

faults: $(VENV)/.development ## Kill everything, everywhere: the whole fault matrix (root, Linux, half an hour)
	@tests/install-servers
	@rm -f instance/faults.jsonl
	$(BIN)/python -m tests.faults --json instance/faults.jsonl

scan: $(VENV)/.development ## Let security scanners try the source and a running copy (ten minutes)
	@tests/scan

docs: ## Write the tables that the docs take from the tests and from `make faults`
	$(BIN)/python -m tests.proofs
	$(BIN)/python -m tests.faults.report instance/faults.jsonl

format: $(VENV)/.development ## Put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

requirements: $(VENV)/.development ## Pin what pyproject.toml names, with hashes; the newest versions: make requirements UPGRADE=1
	@set -e; pin() { name=$$1; shift; echo "requirements/$$name.txt"; \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes $(if $(UPGRADE),--upgrade) \
	    --custom-compile-command "make requirements" "$$@" -o requirements/$$name.txt; }; \
	pin runtime pyproject.toml --group build; \
	pin production pyproject.toml --group build --extra production; \
	pin development pyproject.toml --group development --extra production; \
	pin django --group django; \
	pin scan --group scan

migration: $(VENV)/.development ## Write a migration from the models: make migration NAME="add colours"
	$(BIN)/flask db revision --autogenerate -m "$(NAME)" \
	  --rev-id "$$(printf %04d $$(($$(ls migrations/versions/*.py | wc -l) + 1)))"

up: ## Run it in production with Docker Compose: http://localhost:8080
	docker compose up -d --wait --build
	@echo "The site: $$(docker compose exec web printenv PUBLIC_URL)"

mails: ## Print the mails that its catcher has caught
	@docker compose exec -T web python - <deploy/mails.py

down: ## Stop it; all data stay
	docker compose down

logs: ## Follow its logs
	docker compose logs --follow --tail 100

deploy: ## Replace what `make up` runs by this checkout's release, without a failed request
	@deploy/rollout

trace: ## Show all that the logs know of a request or mail: make trace ID=its-id
	@docker compose logs --no-log-prefix | deploy/trace "$(ID)"

backup: ## Write its database to backups/DATE.dump
	@deploy/backup

restore: ## Put a backup back: make restore FILE=backups/DATE.dump
	@deploy/backup restore "$(FILE)"

clean: ## Remove the virtual environment and caches; data under instance/ is kept
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V). Name another one: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python lacks its venv module. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sqlite3, sys; sys.exit(sqlite3.sqlite_version_info < (3, 35))' || { \
	  echo "This Python has an SQLite below 3.35. Name another one: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt pyproject.toml
	@echo "Installing (once) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements/runtime.txt
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt
	@echo "Installing the development tools (once) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements/development.txt
	@touch $@
