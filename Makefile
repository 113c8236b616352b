# Each target begins with what it needs: on a bare Debian with git, make and python3, `make demo` and `make test` do all the set-up.
PYTHON ?= python3
VENV   := .venv
RUN    := $(VENV)/bin
# How many processes run the tests: a file of them at a time, the costly folders first (tests/conftest.py).
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: help install machine stack lifecycle demo test check fast bench docs clean

help:
	@echo "make demo    stage examples/flask-shop, run it, ask it over HTTP, write its image"
	@echo "make test    the whole test suite, by two processes (WORKERS=2)"
	@echo "make check   format, lint, types, floors, docs and unit tests, under a minute"
	@echo "make lifecycle packs builder, launcher and shell for a Cloud Foundry cell: lifecycle.tgz"
	@echo "make bench   the benchmarks, as ratios against peers"
	@echo "make install leaves $(RUN)/stagewright"

install: $(VENV)/.installed

# A stamp that is newer than what it was made of: hashed requirements, and the project itself as an editable install.
$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@scripts/prepare-machine install
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the Python requirements"
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

machine:
	@scripts/prepare-machine install stage

stack: machine install
	@$(RUN)/stagewright stack create debian12 --if-missing

lifecycle: install
	@scripts/prepare-machine pack
	@scripts/make-lifecycle

demo: stack
	@$(RUN)/python scripts/demo.py

test:
	@scripts/prepare-machine install stage test
	@$(MAKE) --no-print-directory stack
	@$(RUN)/python -m pytest -q $(SPREAD)

check: install
	@$(RUN)/ruff format --check src tests benchmarks scripts
	@$(RUN)/ruff check src tests benchmarks scripts
	@$(RUN)/mypy
	@$(RUN)/lint-imports --no-cache
	@$(RUN)/python -m pytest -q $(SPREAD) tests/unit tests/architecture -m "not slow and not root"

bench: stack
	@$(RUN)/python -m benchmarks

docs: install
	@$(RUN)/python scripts/write_reference.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
