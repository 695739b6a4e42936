# Needs make and python3 (3.9 or newer). tools/bootstrap.py puts everything else into .venv and .nox.
# Arguments go on to the tool: make test ARGS="tests/cli -x"
PYTHON ?= python3
ARGS ?=

.PHONY: help run test check bench matrix clean

help:
	@echo "make run     open the panel on a small script (without a display: do one job and leave a picture)"
	@echo "make test    run every test"
	@echo "make check   formatting, lint, types and import rules"
	@echo "make bench   print the figures"
	@echo "make matrix  run what may differ on every Python 3.9 to 3.13 that is here, and the core without Qt"
	@echo "make clean   remove what these commands made"

run test check bench matrix:
	@$(PYTHON) tools/bootstrap.py $@ $(ARGS)

clean:
	rm -rf .venv .nox build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache
