# Two commands do everything: `make demo` and `make test`. Each sets itself up in .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
LINES ?= 10000000
export DBT_SEND_ANONYMOUS_USAGE_STATS ?= false

.PHONY: demo test benchmark docs lint clean

demo: $(VENV)/.runtime
	@echo "Building the demo, half a minute ..."
	$(BIN)/dbt build --quiet --exclude-resource-type unit_test --profiles-dir . --project-dir .
	$(BIN)/python scripts/show_summary.py

test: $(VENV)/.development
	$(BIN)/python -m pytest tests/python -n 2 --dist loadscope --no-loadscope-reorder -q

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	touch $@

$(VENV)/.development: $(VENV)/.python requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) target logs dbt_packages segmentation.duckdb
