# `make demo` and `make test` do everything on DuckDB, in .venv; `make test-engines` does the other engines.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
LINES ?= 10000000
# Python compiles what it imports, once; of all that is installed, which pip would compile, that is little.
INSTALL := install --quiet --disable-pip-version-check --no-compile --no-deps -r
export DBT_SEND_ANONYMOUS_USAGE_STATS ?= false

.PHONY: demo test test-engines test-postgres test-spark test-spark-cluster test-warehouses test-versions benchmark docs lint clean

demo: $(VENV)/.runtime
	@echo "Building the demo, half a minute ..."
	$(BIN)/dbt build --quiet --exclude-resource-type unit_test --profiles-dir . --project-dir .
	$(BIN)/python scripts/show_summary.py

test: $(VENV)/.development
	$(BIN)/python -m pytest tests/python -n 2 --dist loadscope --no-loadscope-reorder -q

# The lanes of the other engines; a version of dbt has an environment of its own.
test-engines: test-postgres test-spark test-spark-cluster test-warehouses test-versions

test-postgres: .venv-engines/.installed
	.venv-engines/bin/python -m pytest tests/engines/test_compare.py tests/engines/test_postgres.py -q

test-spark: .venv-engines/.installed
	.venv-engines/bin/python -m pytest tests/engines/test_frames.py tests/engines/test_spark.py -q

test-spark-cluster: .venv-engines/.installed
	.venv-engines/bin/python -m pytest tests/engines/test_spark_cluster.py -q

test-warehouses: .venv-warehouses/.installed
	.venv-warehouses/bin/python -m pytest tests/warehouses -n 2 --dist loadfile -q

test-versions: .venv-engines/.installed .venv-dbt_1_10/.installed .venv-dbt_v2/.installed
	.venv-engines/bin/python -m pytest tests/engines/test_dbt_versions.py -q

benchmark: $(VENV)/.development
	$(BIN)/python benchmarks/run.py --lines $(LINES)

docs: $(VENV)/.runtime
	$(BIN)/dbt docs generate --quiet --profiles-dir . --project-dir .

lint: $(VENV)/.development
	$(BIN)/ruff check --line-length 100 .

$(VENV)/.python:
	$(PYTHON) -c "import sys; sys.exit(0 if sys.version_info >= (3, 11) else 'Python 3.11 or newer is needed, got ' + sys.version)"
	$(PYTHON) -m venv $(VENV)
	touch $@

# The lists are complete, so nothing is resolved: --no-deps keeps out a parser that needs a download.
$(VENV)/.runtime: $(VENV)/.python requirements.txt
	@echo "Installing into $(VENV) ..."
	$(BIN)/python -m pip $(INSTALL) requirements.txt
	touch $@

$(VENV)/.development: $(VENV)/.python requirements-dev.txt
	$(BIN)/python -m pip $(INSTALL) requirements-dev.txt
	touch $@

# Of the engines all but their adapters is in the environment of the tests: theirs reads it, and adds to it.
.venv-engines/.installed: tests/engines/requirements/engines.txt $(VENV)/.development
	@echo "Installing into .venv-engines ..."
	$(PYTHON) -m venv --without-pip .venv-engines
	$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" \
		> "$$(.venv-engines/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/tests.pth"
	$(BIN)/python -m pip --python .venv-engines/bin/python $(INSTALL) $<
	touch $@

.venv-%/.installed: tests/engines/requirements/%.txt $(VENV)/.python
	@echo "Installing into .venv-$* ..."
	$(PYTHON) -m venv --without-pip .venv-$*
	$(BIN)/python -m pip --python .venv-$*/bin/python $(INSTALL) $<
	touch $@

clean:
	rm -rf $(VENV) .venv-* target logs dbt_packages segmentation.duckdb
