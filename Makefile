# Every target that runs something makes the environment that it needs, under .venv/.
PYTHON ?= python3
PEER_NEEDS = ipython jax jaxlib matplotlib numpy pandas requests scipy seaborn setuptools tqdm

.PHONY: demo torax test test-all slow bench bench-phasic faults lint clean

demo: .venv/demo/ready          ## the examples, on real input
	.venv/demo/bin/python examples/metals.py
	.venv/demo/bin/python examples/coalescent.py

torax: .venv/torax/ready        ## a real simulator with and without its programs stored
	.venv/torax/bin/python examples/torax_run.py 5

test: .venv/test/ready          ## the test suite
	.venv/test/bin/python -m pytest -n 2

slow: .venv/test/ready          ## the thorough runs: long hypothesis searches, many processes
	HASHCACHE_NEW_EXAMPLES=1 .venv/test/bin/python -m pytest -n 2 -m "slow or not bench"

bench: .venv/test/ready         ## speed against named alternatives, as ratios
	.venv/test/bin/python -m pip install --quiet --editable '.[bench]'
	# One module of it is compared, which needs joblib alone; with all it asks for it brings JAX and 70 more.
	.venv/test/bin/python -m pip install --quiet --no-deps 'pycse>=2.11'
	.venv/test/bin/python -m pytest -m bench -s tests/bench

bench-phasic: .venv/test/ready .venv/peer/ready   ## phasic against the C++ package of the same name
	PHASIC_PEER=.venv/peer/bin/python .venv/test/bin/python -m pytest -m bench -s tests/bench/test_phasic.py

faults: .venv/test/ready        ## everything that can go wrong with a store, as one table
	.venv/test/bin/python tests/faults/table.py

test-all: .venv/test/ready      ## the suite on every CPython at hand
	.venv/test/bin/python -m nox

lint: .venv/test/ready          ## style and types
	.venv/test/bin/python -m ruff check .
	.venv/test/bin/python -m ruff format --check .
	.venv/test/bin/python -m mypy

.venv/demo/ready: pyproject.toml $(shell find hashcache phasic -name '*.py')
	$(PYTHON) -m venv .venv/demo
	.venv/demo/bin/python -m pip install --quiet --upgrade pip
	.venv/demo/bin/python -m pip install --quiet '.[examples]'
	touch $@

.venv/torax/ready: pyproject.toml
	$(PYTHON) -m venv .venv/torax
	.venv/torax/bin/python -m pip install --quiet --upgrade pip
	.venv/torax/bin/python -m pip install --quiet --editable '.[jax]' 'torax>=1.4'
	touch $@

.venv/test/ready: pyproject.toml
	$(PYTHON) -m venv .venv/test
	.venv/test/bin/python -m pip install --quiet --upgrade pip
	.venv/test/bin/python -m pip install --quiet --editable '.[dev]'
	touch $@

# The C++ package, by the packages that it imports: of those that it asks for, `mpfr` and `eigen` are not the
# libraries that it means but unrelated packages, one of them made to show that such names are installed.
.venv/peer/ready: Makefile
	$(PYTHON) -m venv .venv/peer
	.venv/peer/bin/python -m pip install --quiet --upgrade pip
	.venv/peer/bin/python -m pip install --quiet $(PEER_NEEDS)
	.venv/peer/bin/python -m pip install --quiet --no-deps 'phasic==0.32.1'
	.venv/peer/bin/python -c 'import phasic'
	touch $@

clean:
	rm -rf .venv .nox .pytest_cache .mypy_cache .ruff_cache .hypothesis
