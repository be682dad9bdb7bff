# Two commands matter: `make demo` runs the main job by itself, `make test` proves it. Both set everything up first.
PYTHON ?= python3.11
VENV   ?= .venv
BIN    := $(VENV)/bin
export PYTHONUNBUFFERED = 1

.PHONY: help setup models database demo up test test-services lint lock clean

help:
	@echo "make demo   from a historic recording to a sentence restored in that voice; leaves demo/report.html"
	@echo "make up     the service on this machine: prints its address and who to sign in as"
	@echo "make test   the tests      make lint   the checks      make setup   only install"

setup: $(VENV)/.installed models database

# uv installs in a minute what takes pip six, from the same pinned and hashed file.
$(VENV)/.installed: requirements/all.txt requirements/uv.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/all.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

models: $(VENV)/.installed
	$(BIN)/samevoice models fetch

# Makes home (SAMEVOICE_HOME, default var/), its keyring and both databases, or brings them up to date.
database: $(VENV)/.installed
	$(BIN)/samevoice database upgrade

demo: setup
	$(BIN)/samevoice demo --out demo

up: setup
	$(BIN)/samevoice up --demo-people

test: setup
	$(BIN)/python -m pytest

# The same clinic, tasks and live path against real PostgreSQL and Redis, and as separate processes. What only looks at
# rendered pages and texts is not run twice: CI has forty minutes.
test-services: setup
	SAMEVOICE_TEST_DATABASE_URL=$${SAMEVOICE_TEST_DATABASE_URL:-postgresql+psycopg://root@127.0.0.1:5432/test} \
	SAMEVOICE_TEST_REDIS_URL=$${SAMEVOICE_TEST_REDIS_URL:-redis://127.0.0.1:6379/5} \
	$(BIN)/python -m pytest tests/clinic tests/services/test_spine.py tests/services/test_canary.py \
	  --ignore=tests/clinic/web --ignore=tests/clinic/learning/test_prompts.py --ignore=tests/clinic/voices/test_chance.py

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Resolve again. The lock names no index and no address, only versions and hashes.
lock:
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements/all.txt
	$(BIN)/uv pip compile --quiet pyproject.toml -c requirements/all.txt --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header -o requirements/web.txt

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache demo
