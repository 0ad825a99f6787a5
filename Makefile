# Everything a newcomer types. `make` alone lists the targets; `make check` is exactly what CI runs.
# Needs make and Python >= 3.11 with venv. The virtual environment, uv and every dependency come from here, pinned by uv.lock.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

UV_VERSION := 0.13.8
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
# The first of these that is new enough; override with `make PYTHON=/path/to/python run`.
PYTHON ?= $(shell for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$candidate" && break; done)

PROJECTS := pyproject.toml contracts/pyproject.toml $(wildcard services/*/pyproject.toml) deploy/local/pyproject.toml
SOURCES := contracts services deploy tests
TYPED := $(wildcard contracts/src contracts/tools contracts/tests services/*/src services/*/tests services/*/tools deploy/local/src deploy/local/tests tests)
TESTS := $(wildcard contracts/tests services/*/tests deploy/local/tests tests)

# uv takes the interpreter of the environment below and fetches none; a virtual environment active elsewhere is no concern of ours.
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := $(VENV)
unexport VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run images compose-up compose-down test test-containers test-long check lint contracts contracts-check settings bench faults \
	faults-page browser node clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' Makefile

run: $(STAMPS)/run ## Start everything on this machine, play the demonstration once, stay until Ctrl-C
	@exec $(BIN)/maillage up --stop-with-parent

# Two at a time: half of their time is waiting. WORKERS=0 runs them one after another, in one process.
test: $(STAMPS)/dev browser node ## Run every test but the long ones; PostgreSQL and Kafka are started and removed by the tests
	@$(BIN)/pytest $(TESTS) -m "not long" -n $(or $(WORKERS),2) --no-loadscope-reorder

# Not the long ones, but for three brokers. Without an engine it fails; MAILLAGE_TEST_WITHOUT_DOCKER=skip makes it say so and end well.
test-containers: $(STAMPS)/dev ## Run the tests of databases and brokers on PostgreSQL and Kafka in containers (needs Docker)
	@MAILLAGE_TEST_STACK=containers $(BIN)/pytest $(TESTS) -m "(postgres or kafka) and (not long or brokers)" -n $(or $(WORKERS),2) --no-loadscope-reorder

test-long: $(STAMPS)/dev ## Run the tests of outages, overload and rebuilding that take minutes
	@$(BIN)/pytest $(TESTS) -m long

check: lint test ## Style, types, architecture, then every test: what CI runs

lint: $(STAMPS)/dev contracts-check ## Only style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy $(TYPED)
	@$(BIN)/lint-imports

contracts: $(STAMPS)/dev ## Write the JSON Schemas again from the event models
	@$(BIN)/python contracts/tools/export.py

settings: $(STAMPS)/dev ## Write docs/settings.md (the table of every setting) and docs/status.schema.json again from the code
	@$(BIN)/python deploy/local/tools/settings_page.py

contracts-check: $(STAMPS)/dev ## Prove that no contract breaks a reader of the last release
	@$(BIN)/python contracts/tools/export.py --check
	@$(BIN)/python contracts/tools/release.py --check
	@$(BIN)/python contracts/tools/compat.py

# ONLY=relay,http for some measures; PAGE=1 also writes the figures and their pictures into docs/, ADD=1 beside those of earlier runs.
bench: $(STAMPS)/dev $(if $(PAGE),$(STAMPS)/bench) ## Measure Maillage beside the raw clients and the shapes of tutorials (TRIALS=5)
	@$(BIN)/python -m tests.load --trials $(or $(TRIALS),5) $(if $(ONLY),--only $(ONLY)) $(if $(PAGE),--page) $(if $(ADD),--add)

# ONLY=R1,R7 for some scenarios (R, B, M: all of a kind); SEED=n replays a trial; SHORT=1 as in make test; report in dist/faults.md.
faults: $(STAMPS)/dev ## Hurt everything in every known way, TRIALS=1 of each or TRIALS=table, and report what was lost or doubled
	@$(BIN)/python -m tests.faults --trials $(or $(TRIALS),1) $(if $(ONLY),--only $(ONLY)) $(if $(SEED),--seed $(SEED)) $(if $(SHORT),--short)

faults-page: $(STAMPS)/dev ## Write docs/faults.md from all trials that were kept
	@$(BIN)/python -m tests.faults --page dist/faults.jsonl --report docs/faults.md

# Browser tests drive Debian's Chromium; without it they fail, so that a green run never hides that no page was looked at.
browser:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installation de Chromium pour les tests d'écran · installing Chromium for the browser tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
		|| echo "CHROMIUM EST ABSENT et n'a pas pu être installé : les tests d'écran échoueront · chromium is missing and could not be installed: browser tests will fail" >&2; \
	else \
		echo "CHROMIUM EST ABSENT : installez-le (sudo apt-get install chromium), sinon les tests d'écran échoueront · chromium is missing: install it, or the browser tests will fail" >&2; \
	fi

# What Node checks of the contracts is skipped, and said, where Node is absent.
node: $(STAMPS)/dev
	@if ! command -v npm >/dev/null; then \
		echo "NODE EST ABSENT : ce que Node vérifie des contrats ne le sera pas · NODE IS ABSENT: what it checks of the contracts will not be" >&2; \
	elif ! $(MAKE) -s $(STAMPS)/node; then \
		echo "LES PAQUETS NODE N'ONT PAS PU ÊTRE INSTALLÉS : ce que Node vérifie des contrats ne le sera pas · Node packages could not be installed" >&2; \
	fi

$(STAMPS)/node: contracts/tests/node/package.json contracts/tests/node/package-lock.json
	@echo "Installation de ce que Node vérifie des contrats · installing what Node checks of the contracts"
	@mkdir -p $(VENV)/node $(STAMPS) && cp $^ $(VENV)/node/
	@npm ci --prefix $(VENV)/node --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

# An index of packages or certificates of your own: UV_DEFAULT_INDEX, PIP_INDEX_URL, SSL_CERT_FILE, as build secrets, in no layer.
IMAGES := registration referrals training notifications partners portal maillage
VERSION ?= 0.1.0
PROFILE ?=
COMPOSE := docker compose $(foreach name,$(PROFILE),--env-file deploy/compose/$(name).env --profile $(name))

images: ## Build every image (Docker): maillage/SERVICE:VERSION
	@for service in $(IMAGES); do \
		docker build --quiet --file deploy/Dockerfile --tag "maillage/$$service:$(VERSION)" \
			--build-arg "SERVICE=$$service" --build-arg "VERSION=$(VERSION)" \
			--build-arg "REVISION=$$(git rev-parse HEAD 2>/dev/null || true)" \
			$(foreach name,UV_DEFAULT_INDEX PIP_INDEX_URL,$(if $($(name)),--secret id=$(name)$(comma)env=$(name))) \
			$(if $(SSL_CERT_FILE),--secret id=ca$(comma)src=$(SSL_CERT_FILE)) \
			. >/dev/null; \
		echo "maillage/$$service:$(VERSION)"; \
	done

comma := ,

# PROFILE=observability or brokers, or both in quotes: see deploy/README.md. A plain `docker compose up` starts nothing at all
# where the image of Mailpit cannot be had; this starts the rest.
compose-up: images ## Start everything in containers, play the demonstration once, say where to look
	@if ! $(COMPOSE) pull --quiet --policy missing mailpit >/dev/null 2>&1; then \
		echo "Image de Mailpit introuvable : les courriels vont directement au bureau · no image of Mailpit: e-mails go to the desk"; \
		export COMPOSE_FILE="$${COMPOSE_FILE:-docker-compose.yml}:deploy/compose/without-mailpit.yml"; \
	fi; \
	export COMPOSED_VERSION=$(VERSION); \
	$(COMPOSE) up --detach --no-build && $(COMPOSE) logs --no-log-prefix --follow story && \
	[ "$$($(COMPOSE) ps --all --format '{{.ExitCode}}' story)" = 0 ]

compose-down: ## Stop the containers, keep the data
	@$(COMPOSE) down --timeout 30

clean: ## Remove the virtual environment and caches; your data (.maillage) stay
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/uv-$(UV_VERSION):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Maillage a besoin de Python 3.11 ou plus récent : installez les paquets python3 et python3-venv (Debian 12, Ubuntu 24.04 ou plus récents) · Python 3.11 or newer is needed: install the packages python3 and python3-venv" >&2; exit 1; fi
	@if ! $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "Le module venv de Python est absent : installez le paquet python3-venv (apt-get install python3-venv) · Python's venv module is missing: install the package python3-venv" >&2; exit 1; fi
	@echo "Création de l'environnement Python dans $(VENV) · creating the Python environment"
	@if ! [ -x $(BIN)/python ] || ! $(BIN)/python -c 'import pip' 2>/dev/null; then rm -rf $(VENV); $(PYTHON) -m venv $(VENV); fi
	@$(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)" || { \
		echo "uv $(UV_VERSION) n'a pas pu être installé : vérifiez l'accès à l'index de paquets Python (variables PIP_INDEX_URL, HTTPS_PROXY) · uv could not be installed: check access to the Python package index" >&2; exit 1; }
	@mkdir -p $(STAMPS) && touch $@

NO_DEPENDENCIES := Les dépendances n'ont pas pu être installées (voir ci-dessus) : vérifiez le réseau ou UV_DEFAULT_INDEX, HTTPS_PROXY \
	· the dependencies could not be installed (see above): check the network

# --inexact: starting the software must not take the developers' tools away.
$(STAMPS)/run: $(STAMPS)/uv-$(UV_VERSION) uv.lock $(PROJECTS)
	@echo "Installation des dépendances verrouillées · installing the locked dependencies"
	@$(BIN)/uv sync --quiet --frozen --all-packages --no-dev --inexact || { echo "$(NO_DEPENDENCIES)" >&2; exit 1; }
	@touch $@

$(STAMPS)/bench: $(STAMPS)/dev
	@$(BIN)/uv sync --quiet --frozen --all-packages --inexact --group bench || { echo "$(NO_DEPENDENCIES)" >&2; exit 1; }
	@touch $@

$(STAMPS)/dev: $(STAMPS)/uv-$(UV_VERSION) uv.lock $(PROJECTS)
	@echo "Installation des dépendances de développement · installing the development dependencies"
	@$(BIN)/uv sync --quiet --frozen --all-packages --inexact || { echo "$(NO_DEPENDENCIES)" >&2; exit 1; }
	@touch $@ $(STAMPS)/run
