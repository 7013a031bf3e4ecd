# Every target does its own set-up; what is present is not fetched again. CONTRIBUTING.md has more.

PYTHON ?= python3
PREFIX ?= /usr/local
SECONDS ?= 60
ARGS ?=

setup = $(PYTHON) scripts/setup.py
venv = .venv/bin/python

.PHONY: help demo test check bench local format lint fuzz wheel install lock clean distclean

help:
	@echo 'make demo      the package and athena-local at work, a few minutes'
	@echo 'make test      every test; make check: the quick half, without sanitizers'
	@echo 'make bench     compare with PyAthena and S3 clients on a stub server (ARGS="--quick", ...)'
	@echo 'make local     a local Athena in the foreground; prints what to export'
	@echo 'make format    clang-format and ruff over the tree; make lint: their checks and more'
	@echo 'make fuzz      every fuzz target for SECONDS=60'
	@echo 'make wheel     a wheel with the shared libraries inside, under dist/'
	@echo 'make install   the C library, header files and athena.pc (PREFIX=/usr/local, DESTDIR=)'
	@echo 'make lock      new lock files from requirements/*.in'
	@echo 'make clean     removes what was built; make distclean: the environments too'

demo:
	@$(setup) demo
	@$(venv) demo/demo.py $(ARGS)

test:
	@$(setup) test
	@$(venv) tools/run_tests.py $(ARGS)

check:
	@$(setup) test
	@$(venv) tools/run_tests.py --quick $(ARGS)

bench:
	@$(setup) bench
	@$(venv) scripts/build.py stub
	@$(venv) bench/run.py --python $(venv) --pyathena-python .venv-pyathena/bin/python \
		--others-python .venv-bench/bin/python --stub build/stub/bench/stub/athena-stub $(ARGS)

local:
	@$(setup) local
	@exec $(venv) -m athena_local --print-env --seed --data .local-data $(ARGS)

format:
	@$(setup) lint
	@$(venv) tools/lint.py --format

lint:
	@$(setup) lint
	@$(venv) tools/lint.py

fuzz:
	@$(setup) fuzz
	@$(venv) tools/run_fuzz.py --seconds $(SECONDS) $(ARGS)

wheel:
	@$(setup) wheel
	@$(venv) scripts/wheel.py

install:
	@$(setup) install
	@$(venv) scripts/build.py install --prefix "$(PREFIX)"

lock:
	@$(PYTHON) -m venv build/lock
	@build/lock/bin/python -m pip install --quiet --require-hashes -r requirements/lock.txt
	@UV="$(CURDIR)/build/lock/bin/uv" scripts/lock.sh

clean:
	rm -rf build dist

distclean: clean
	rm -rf .venv .venv-*
