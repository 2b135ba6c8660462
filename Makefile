# demo   24 example tiles to a scored submission with the shipped model
# test   lint, types and the quick tests
# test-all  the tests that make test leaves out as slow
# check  lint and types alone
# bench  the short benchmarks
# bench-check  run them and compare their ratios with the stored ones
# test-browser  the web page in Chromium, which it installs on Debian
# test-oldest  the commands with the oldest versions of packages that setup.cfg allows
# docs   the pages that are made from the program
# clean  forget what the others installed and wrote

PYTHON ?= python3
DEMO := .venv
DEV := .venv-dev
OLDEST := .venv-oldest
# A process a core, one thread each: faster than threads, for networks as small as the tests'.
WORKERS := --numprocesses auto --dist loadfile
PYTEST ?= -m "not slow"
PACKAGE := setup.cfg pyproject.toml constraints.txt $(shell find infer/salt_infer -name "*.py") $(wildcard infer/salt_infer/models/*)

# Short runs leave the stored results alone.
export SALT_BENCH_RESULTS ?= $(CURDIR)/benchmarks/fresh

.PHONY: demo test test-all test-browser test-oldest check quick bench bench-check docs clean

demo: $(DEMO)/.installed
	$(DEMO)/bin/salt-infer --images examples/tiles --out submission.csv \
		--labels examples/masks --overwrite

# Types are checked while tests wait for processes and clients.
test: $(DEV)/.installed
	$(MAKE) --no-print-directory --jobs=2 check quick

quick: $(DEV)/.installed
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest $(WORKERS) $(PYTEST)

# Those of the browser are test-browser's.
test-all: $(DEV)/.installed
	OMP_NUM_THREADS=1 $(DEV)/bin/python -m pytest $(WORKERS) -m slow --ignore tests/serve/test_browser.py

check: $(DEV)/.installed
	$(DEV)/bin/ruff check .
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/mypy
	$(DEV)/bin/mypy benchmarks

test-browser: $(DEV)/.installed
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium; } \
		|| echo "no Chromium and none to be had: the browser's tests are skipped"
	$(DEV)/bin/python -m pytest -rs tests/serve/test_browser.py

test-oldest:
	$(PYTHON) -m venv --clear $(OLDEST)
	$(PYTHON) tests/oldest.py constraints > $(OLDEST)/constraints.txt
	rm -rf build
	$(OLDEST)/bin/pip install --quiet --constraint $(OLDEST)/constraints.txt \
		'.[cpu,cloud,parquet,report,serve,survey]'
	rm -rf build
	$(OLDEST)/bin/python tests/oldest.py run

bench: $(DEV)/.installed
	$(DEV)/bin/python benchmarks/rle.py
	$(DEV)/bin/python benchmarks/training.py --short
	$(DEV)/bin/python benchmarks/peers.py --short

bench-check: $(DEV)/.installed
	$(DEV)/bin/python benchmarks/check.py

docs: $(DEV)/.installed
	$(DEV)/bin/python -m tests.cli_page > docs/cli.md
	$(DEV)/bin/python -m tests.settings_page > docs/settings.md
	$(DEV)/bin/python -m tests.infer.hostile > docs/hostile-inputs.md
	$(DEV)/bin/python -m tests.survey.odd_surveys > docs/odd-surveys.md

# The user's way: a wheel, without torch. build/ would put files that are gone into it.
$(DEMO)/.installed: $(PACKAGE)
	$(PYTHON) -m venv $(DEMO)
	rm -rf build
	$(DEMO)/bin/pip install --quiet --constraint constraints.txt '.[cpu]'
	rm -rf build
	touch $@

# The developer's way: editable, with everything the tests need.
$(DEV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(DEMO) $(DEV) $(OLDEST) benchmarks/fresh build dist submission.csv *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
