# Every target sets itself up from a fresh clone: a virtual environment in .venv, packages locked by hash.
PYTHON ?= python3
MINOR := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
BIN := .venv/bin
READY := .venv/.ready-$(MINOR)

.PHONY: demo test lint bench lock clean

demo: $(READY)  ## labels to a published crop map on a simulated landscape, without an account
	$(BIN)/agrispec-gee demo runs/demo

test: $(READY)  ## the whole test suite, files side by side; AGRISPEC_TEST_DATA adds the tests on real data
	$(BIN)/pytest -q -n auto --maxprocesses 4 --dist loadfile

lint: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)  ## every benchmark, each against a named peer or limit
	for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

$(READY): requirements/$(MINOR).txt setup.cfg pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/$(MINOR).txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock:  ## resolve the dependencies anew for every supported Python
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv
	for minor in 3.11 3.12 3.13; do \
	  .venv-lock/bin/uv pip compile setup.cfg --extra test --generate-hashes --no-header --upgrade --quiet \
	    --python-version $$minor --output-file requirements/$$minor.txt || exit 1; done

clean:
	rm -rf .venv .venv-lock build *.egg-info
