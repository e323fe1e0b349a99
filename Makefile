# The two commands of the README: `make run` and `make test`. Both set up what is missing.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
DATA_DIR ?= .orlop
PORT ?= 6443

.PHONY: run test test-all soak check bench clean

$(BIN)/orlop: pyproject.toml
	@test -n "$(PYTHON)" || { echo "orlop needs Python 3.11 or newer"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@$(BIN)/python -m compileall -q src  # the first start is then as quick as the second
	@touch $@

$(VENV)/dev: $(BIN)/orlop
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		'cel-expr-python>=0.1.3; python_version < "3.15"' 'hpack>=4.1' hypothesis import-linter 'kopf>=1.37' 'kr8s>=0.20' 'kubernetes>=30' 'msgspec>=0.19' mypy 'protobuf>=5' 'pydantic>=2.10' pytest pytest-xdist ruff types-PyYAML
	@touch $@

run: $(BIN)/orlop  ## start a server and say how to point kubectl at it
	@exec $(BIN)/orlop serve --data-dir $(DATA_DIR) --secure-port $(PORT)

check: $(VENV)/dev  ## style, types, floors
	@$(BIN)/ruff check src tests benchmarks
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: $(VENV)/dev check  ## all checks and all tests
	@$(BIN)/python -m pytest -n 2 --dist loadgroup

bench: $(BIN)/orlop  ## see benchmarks/README.md
	@$(BIN)/python benchmarks/run.py

soak: $(VENV)/dev  ## the long tests: see docs/soak.md
	@ORLOP_SOAK=1 ORLOP_KILL_ROUNDS=200 $(BIN)/python -m pytest -s tests/soak tests/histories tests/crash \
		tests/storage/test_storage_model_contract.py tests/storage/test_crash.py tests/storage/test_sqlite_powerloss.py \
		tests/storage/test_etcd_faults.py

clean:
	rm -rf $(VENV) .venv-3.* .mypy_cache .ruff_cache .pytest_cache .hypothesis

test-all:  ## the tests under every Python from 3.11 to 3.13 that is installed
	@for version in 3.11 3.12 3.13; do \
		python$$version -c '' 2>/dev/null || { echo "python$$version is not installed"; continue; }; \
		echo "== python$$version"; \
		$(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON=python$$version || exit 1; \
	done
