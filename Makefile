# Every target sets up what it needs; a second run starts at once. PYTHON=... chooses the interpreter.
PORT ?= 8000
PY := .venv/bin/python
UV = $(or $(shell command -v uv),$(error make lock needs uv on the PATH))
export PYTHON

.PHONY: help setup demo up stop test test-slow check bench lock

help:
	@echo "make demo [PORT=8000] [DETACH=1] [WALL=1]  real data, the main job once, then everything serves"
	@echo "make up [PORT=8000]  everything, without demo data      make stop  ends it"
	@echo "make test | test-slow | check | bench | lock"

setup:
	@.ci/setup

demo:
	@.ci/setup data
	@$(PY) manage.py demo $(if $(WALL),--wall) $(if $(DETACH),--detach) --port $(PORT)

up: setup
	@$(PY) manage.py up $(if $(DETACH),--detach) --port $(PORT)

stop: setup
	@$(PY) manage.py stop

test:
	@.ci/setup dev data
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow:
	@.ci/setup dev data
	$(PY) -m pytest -m slow

bench:
	@.ci/setup dev
	$(PY) -m tests.bench

check:
	@.ci/setup dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy .
	$(PY) manage.py check --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) -m pytest tests/architecture

lock:
	@.ci/setup dev
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements.in -o requirements.txt
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header requirements-dev.in -o requirements-dev.txt
