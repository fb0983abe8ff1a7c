# `make help` lists all targets. They install into .venv only. One exception: as root on Debian, `make test` installs
# the servers that the tests start.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More workers than cores, as many tests wait. A file stays on one worker, and the files begin in the order given.
CORES = $$(nproc)
IN_ORDER = --dist loadfile --no-loadscope-reorder
IN_CHROMIUM = $(BIN)/pytest -n $(CORES) --maxprocesses 4 --timeout 300
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONDONTWRITEBYTECODE # with it, pytest would compile every test again on every run

.DEFAULT_GOAL := help
.PHONY: help run install check test test-fast test-browser test-pages test-django test-product test-compose \
  test-operations screenshots faults bench scan audit sbom docs format rename requirements upgrade migration clean up \
  emails down logs trace deploy backup restore

help: ## Show this menu
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.package ## Run web, worker and relay at http://127.0.0.1:8000 (other port: make run PORT=8001)
	@exec $(BIN)/flask dev

install: $(VENV)/.development ## Install everything that development needs

check: $(VENV)/.development ## Check lint, types, imports, templates and migrations (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/pytest -q -p no:cacheprovider tests/project/test_templates.py tests/project/test_migrations.py

test: $(VENV)/.development ## Run all tests but those below, against real servers (as root on Debian, install missing ones)
	@tests/install-servers
	$(BIN)/pytest -n $$(($(CORES) * 2)) $(IN_ORDER) tests/integration tests/security tests/properties tests/functional tests/unit \
	  tests/project tests/faults

test-fast: $(VENV)/.development ## Run the tests that need no server: unit and functional
	$(BIN)/pytest -n $$(($(CORES) + 1)) $(IN_ORDER) tests/functional tests/unit

test-browser: $(VENV)/.development ## Test in Chromium what people do (three minutes)
	@tests/install-servers
	@tests/browser/install
	$(IN_CHROMIUM) tests/browser --ignore tests/browser/test_pages.py --ignore tests/browser/test_lighthouse.py

test-pages: $(VENV)/.development ## Test every page in every state: axe, HTML, links, Lighthouse (seven minutes)
	@tests/install-servers
	@tests/browser/install
	$(IN_CHROMIUM) tests/browser/test_pages.py tests/browser/test_lighthouse.py

screenshots: $(VENV)/.development ## Write screenshots of all pages to screenshots/, and those of the README to docs/
	@tests/install-servers
	$(BIN)/python -m tests.browser.screenshots

test-django: $(VENV)/.development ## Compare passwords and paths with the reference Django app
	$(BIN)/pytest tests/django

test-product: $(VENV)/.development ## Make a product of a copy, then run `make check` and `make test-fast` in it (three minutes)
	$(BIN)/python -m tests.product

test-compose: $(VENV)/.development ## Test the Docker Compose deployment, beside a running one (five minutes)
	$(BIN)/pytest tests/compose --ignore tests/compose/test_faults.py --ignore tests/compose/test_certificates.py

test-operations: $(VENV)/.development ## Test releases, kills and certificates in that deployment (eight minutes)
	$(BIN)/pytest tests/compose/test_faults.py tests/compose/test_certificates.py

faults: $(VENV)/.development ## Run the whole fault matrix (root, Linux, twenty minutes)
	@tests/install-servers
	@rm -f instance/faults.jsonl
	$(BIN)/python -m tests.faults --json instance/faults.jsonl

bench: $(VENV)/.development ## Measure speed and memory beside their limits (ten minutes); one figure: make bench FIGURE=home
	@tests/install-servers wrk
	@$(BIN)/python -m benchmarks $(FIGURE)

scan: $(VENV)/.development .venv-scan/.installed ## Run security scanners on the source and on a running copy (ten minutes)
	@tests/scan

audit: $(VENV)/.development .venv-scan/.installed ## Look the pinned packages up in a database of vulnerabilities
	@$(BIN)/python -m tests.audit

sbom: .venv-scan/.installed ## Write sbom.json, the image's Python packages as a CycloneDX list (SBOM)
	@PYTHONWARNINGS=ignore .venv-scan/bin/cyclonedx-py requirements requirements/production.txt --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file sbom.json
	@echo sbom.json

docs: ## Write the tables that the docs take from the tests and from `make faults`
	$(BIN)/python -m tests.proofs
	$(BIN)/python -m tests.faults.report instance/faults.jsonl

format: $(VENV)/.development ## Format the code, and list what only you can fix
	$(BIN)/ruff check -q --fix-only .
	$(BIN)/ruff format .
	@$(BIN)/ruff check -q . || { echo "Change these lines yourself: ruff cannot fix them."; exit 1; }

rename: $(VENV)/.development ## Give the project your own name: make rename NAME=yourname
	@$(BIN)/python -m tools.rename "$(NAME)"
	@touch $(VENV)/.runtime $(VENV)/.development # the packages stay the same, although the name is in their lists

requirements: $(VENV)/.development ## Pin new packages from pyproject.toml, with hashes; keep the versions of the others
	@set -e; pin() { name=$$1; shift; echo "requirements/$$name.txt"; \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes $(UPGRADE) \
	    --custom-compile-command "make requirements" "$$@" -o requirements/$$name.txt; }; \
	pin runtime pyproject.toml --group build; \
	pin production pyproject.toml --group build --extra production; \
	pin otel pyproject.toml --group build --extra production --extra otel; \
	pin development pyproject.toml --group development --extra production --extra otel; \
	pin django --group django; \
	pin sbom --group sbom; \
	pin scan --group scan

upgrade: UPGRADE = --upgrade
upgrade: requirements ## Pin the newest versions of all packages

migration: LAST = $$(ls migrations/versions/*.py | wc -l)
migration: $(VENV)/.development ## Create a migration from the models: make migration NAME="add colours"
	@$(BIN)/flask db upgrade -x quiet
	@$(BIN)/flask db migrate -x quiet -m "$(NAME)" \
	  --rev-id "$$(printf %04d $$(($(LAST) + 1)))"
	@$(BIN)/ruff format -q migrations
	@echo "Read the file. Then apply it: restart make run, or run $(BIN)/flask db upgrade"
	@printf "To redo it: $(BIN)/flask db downgrade %04d, delete the file, and make migration again\n" $$(($(LAST) - 1))

up: ## Run everything in production with Docker Compose: http://localhost:8080
	@deploy/up --build

emails: ## Print the emails that the mail catcher received
	@docker compose exec -T worker python - <deploy/emails.py

down: ## Stop production; keep all data
	docker compose down

logs: ## Follow the logs of production
	docker compose logs --follow --tail 100

deploy: ## Deploy this checkout without a failed request
	@deploy/rollout

trace: ## Show all log lines about a request or an email: make trace ID=its-id
	@docker compose logs --no-log-prefix | deploy/trace "$(ID)"

backup: ## Back up the database to backups/DATE.dump
	@deploy/backup

restore: ## Restore a backup: make restore FILE=backups/DATE.dump
	@deploy/backup restore "$(FILE)"

clean: ## Remove the virtual environment and caches; keep instance/
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, this is $$($(PYTHON) -V). Choose another one: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "This Python lacks its venv module. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sqlite3, sys; sys.exit(sqlite3.sqlite_version_info < (3, 35))' || { \
	  echo "This Python has an SQLite below 3.35. Choose another one: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt
	@echo "Installing (once) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements/runtime.txt
	@touch $@

# A few seconds without a word: most changes of pyproject.toml are settings of tools.
$(VENV)/.package: $(VENV)/.runtime pyproject.toml
	@$(BIN)/pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/development.txt | $(VENV)/.package
	@echo "Installing the development tools (once) ..."
	@$(BIN)/pip install -q --require-hashes -r requirements/development.txt
	@touch $@

.venv-scan/.installed: requirements/scan.txt
	@echo "Installing the scanners (once) ..."
	@$(PYTHON) -m venv .venv-scan
	@.venv-scan/bin/pip install -q --require-hashes -r requirements/scan.txt
	@touch $@
