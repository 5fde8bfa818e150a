# Every target works from a fresh clone; it needs Python 3.11 or newer, and make.
.DEFAULT_GOAL := help
.PHONY: help run inbox test faults bench proto fmt lint types check

PYTHON := .venv/bin/python
# Folders of our own code, for the tools that want to be told.
CODE := manage.py ops_console couriers messages campaigns bench tests proto/generate.py
INBOX := ops_console/frontend/gen/.made

help: ## Say what each target does
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

run: .venv/run ## Run the whole console on this machine; Ctrl-C stops it
	@$(MAKE) -s inbox || echo "The inbox page could not be built; everything else runs."
	@exec $(PYTHON) -m ops_console.launch --stop-with-parent

inbox: .venv/run $(INBOX) ## Build the inbox page, which needs Node.js with npm
	@command -v npm >/dev/null || echo "The inbox page is not built: it needs Node.js 20 or newer with npm."

test: .venv/dev node_modules/.made $(INBOX) ## Run the tests, on servers of their own
	@exec $(PYTHON) -m pytest -n 3 --dist worksteal -m "not faults"

faults: .venv/dev ## Run the long fault tests
	@exec $(PYTHON) -m pytest -n 2 --dist worksteal -m faults

bench: .venv/dev ## Measure the product beside plain SQL and plain Django; results go to bench/results
	@exec $(PYTHON) -m bench

proto: .venv/dev ## Write ops_console/gen from the .proto files
	@exec $(PYTHON) proto/generate.py

fmt: .venv/dev ## Lay out the code, and mend what the linter can
	@$(PYTHON) -m ruff check --fix-only --quiet . && $(PYTHON) -m ruff format . && exec .venv/bin/buf format -w proto

lint: .venv/dev ## Look for faults in style, and for imports that cross the floors
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && exec .venv/bin/lint-imports --no-cache

types: .venv/dev ## Check the types
	@exec env DATABASE_URL=postgres:///none REDIS_URL=redis:// SECRET_KEY=none PUBLIC_URL=http://localhost $(PYTHON) -m mypy $(CODE)

check: lint types ## Everything that needs no test run: lint, types, import contracts, protos, migrations
	@$(PYTHON) proto/generate.py --check
	@exec $(PYTHON) manage.py makemigrations --check --dry-run

# What Node's clients are made of; without npm the tests of them are skipped.
node_modules/.made: package.json package-lock.json
	@if command -v npm >/dev/null; then npm ci --silent && touch $@; fi

# The inbox page, out of its sources and what it takes from elsewhere; without npm it says itself what to install.
$(INBOX): node_modules/.made ops_console/frontend/build.py \
		$(wildcard ops_console/frontend/inbox/* ops_console/frontend/player/*) \
		$(wildcard ops_console/gen/pidgr/v1/*_pb.py) $(wildcard ops_console/access/static/access/s*.js) \
		templates/inbox.html | .venv/run
	@if command -v npm >/dev/null; then $(PYTHON) -m ops_console.frontend.build && touch $@; fi

.venv/run: requirements.txt
	@sh .ci/venv requirements.txt && touch $@

.venv/dev: requirements.txt requirements-dev.txt
	@sh .ci/venv requirements-dev.txt && touch $@ .venv/run
