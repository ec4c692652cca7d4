"""Snowflake, BigQuery, Redshift and Databricks, none of which is here: what dbt compiles for them.

A project with every algorithm and option is parsed without a warning and compiled offline, before
and after its tables are built. Every statement is parsed in the warehouse's dialect and calls only
functions that the warehouse documents; BigQuery's are analyzed, types and all.
"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlglot
import yaml
from sqlglot import exp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))
from consumer import Consumer  # noqa: E402

TARGETS: dict[str, dict[str, Any]] = {
    "snowflake": {"account": "none", "user": "u", "password": "p", "database": "d", "schema": "s"},
    "bigquery": {"method": "oauth-secrets", "token": "t", "project": "d", "schema": "s"},
    "redshift": {"host": "localhost", "user": "u", "password": "p", "port": 1, "dbname": "d", "schema": "s"},
    "databricks": {"host": "localhost", "http_path": "/p", "token": "t", "catalog": "d", "schema": "s"},
}

# The types that each warehouse reports, by what the tables below have.
DATA_TYPES: dict[str, dict[str, str]] = {
    "snowflake": {
        "text": "VARCHAR",
        "integer": "NUMBER",
        "decimal": "NUMBER",
        "double": "FLOAT",
        "date": "DATE",
        "timestamp": "TIMESTAMP_NTZ",
        "instant": "TIMESTAMP_TZ",
        "boolean": "BOOLEAN",
    },
    "bigquery": {
        "text": "STRING",
        "integer": "INT64",
        "decimal": "NUMERIC",
        "double": "FLOAT64",
        "date": "DATE",
        "timestamp": "DATETIME",
        "instant": "TIMESTAMP",
        "boolean": "BOOL",
    },
    "redshift": {
        "text": "character varying(256)",
        "integer": "bigint",
        "decimal": "numeric(18,2)",
        "double": "double precision",
        "date": "date",
        "timestamp": "timestamp without time zone",
        "instant": "timestamp with time zone",
        "boolean": "boolean",
    },
    "databricks": {
        "text": "string",
        "integer": "bigint",
        "decimal": "decimal(18,2)",
        "double": "double",
        "date": "date",
        "timestamp": "timestamp_ntz",
        "instant": "timestamp",
        "boolean": "boolean",
    },
}

TABLES: dict[str, dict[str, str]] = {
    "lines": {
        "line": "integer",
        "buyer": "text",
        "bought_at": "timestamp",
        "order": "text",
        "sku": "text",
        "quantity": "integer",
        "price": "decimal",
        "loaded_at": "instant",
    },
    "members": {"member_id": "integer", "income": "decimal", "visits": "double", "channel": "text"},
    "salts": {"salt": "text"},
    "forgotten": {"customer_id": "text"},
    "every_kind": {kind: kind for kind in DATA_TYPES["snowflake"]},
}

FEATURES = {
    "income": {"clip": [0.01, 0.99], "impute": "median"},
    "visits": {"transform": "yeo_johnson", "scale": "robust", "weight": 2},
    "channel": {"kind": "category", "weight": 0.5},
}
MEMBERS = {
    "customers": {"source": "raw", "table": "members"},
    "customer_id": "member_id",
    "features": FEATURES,
    "value": "income",
    "names": {"order_by": "income"},
}

VARIABLES: dict[str, Any] = {
    "segmentation_input": {
        "transactions": {"source": "raw", "table": "lines"},
        "columns": {
            "customer_id": "buyer",
            "ordered_at": "bought_at",
            "order_id": "order",
            "line_id": "line",
            "product_id": "sku",
            "unit_price": "price",
        },
        "exclude": "sku in ('POST', 'M')",
        "returns": "reject",
        "incremental": {"loaded_at": "loaded_at"},
    },
    "segmentation_definitions": {
        "rfm": {"where": "frequency > 0", "fit_where": "monetary > 0"},
        "members": MEMBERS | {"outliers": {"low": 0.05, "high": 0.95, "fence": 1.5}, "k": 3},
        "mixed": MEMBERS | {"algorithm": "gaussian_mixture", "k": {"min": 2, "max": 4}},
        "tree": MEMBERS | {"algorithm": "hierarchical", "algorithm_options": {"linkage": "single"}},
        "dense": MEMBERS | {"algorithm": "dbscan", "where": "income > 0"},
    },
    "segmentation_options": {
        "pseudonymize": {"salt": {"source": "raw", "table": "salts"}},
        "erased_customers": {"source": "raw", "table": "forgotten"},
        "suppress_below": 5,
        "refit": {"after_days": 30, "drift_above": 0.25},
        "history": {"period": "week", "periods": 6},
    },
}

# Values of every kind, read as the package reads its inputs; both ways of scoring another table.
MODELS = {
    "models/read_values.sql": """
        select
            {%- for kind in ['text', 'integer', 'decimal', 'double', 'boolean'] %}
            {%- set column = segmentation.find_column(kind, segmentation.relation_columns(source('raw', 'every_kind'))) %}
            {{ segmentation.clean_id(column) }} as {{ kind }}_id,
            {%- if kind != 'boolean' %}
            {{ segmentation.read_number(column) }} as {{ kind }}_number,
            {%- endif %}
            {%- endfor %}
            {%- for kind in ['text', 'date', 'timestamp', 'instant'] %}
            {%- set column = segmentation.find_column(kind, segmentation.relation_columns(source('raw', 'every_kind'))) %}
            {{ segmentation.read_timestamp(column) }} as {{ kind }}_time{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ source('raw', 'every_kind') }}
    """,
    "models/scored_by_centroid.sql": "{{ segmentation.score(source('raw', 'members'), 'members') }}",
    "models/scored_by_prototype.sql": "{{ segmentation.score(source('raw', 'members'), 'tree') }}",
    "models/_sources.yml": yaml.safe_dump(
        {"sources": [{"name": "raw", "tables": [{"name": name} for name in TABLES]}]}
    ),
}


class Compiled(NamedTuple):
    """What dbt compiled: SQL by the name of a node, Python by the name of a model, what it printed."""

    sql: dict[str, str]
    python: dict[str, str]
    manifest: dict[str, Any]
    output: str


class Warehouse:
    """The project for one warehouse, compiled once before and once after its tables are built."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.project = Consumer(folder, VARIABLES, files=MODELS)
        output = {"type": name, "threads": 1} | TARGETS[name]
        self.project.write(
            "profiles.yml", yaml.safe_dump({"shop": {"target": name, "outputs": {name: output}}})
        )
        columns = {
            table: {column: DATA_TYPES[name][kind] for column, kind in columns.items()}
            for table, columns in TABLES.items()
        }
        self.new = self._compile(columns, are_built=False)
        self.built = self._compile(columns, are_built=True)

    def statements(self) -> dict[str, str]:
        """Gives all compiled SQL by a name that says where it is from."""
        return self.new.sql | {f"{name}, built": sql for name, sql in self.built.sql.items()}

    def _compile(self, columns: dict[str, dict[str, str]], are_built: bool) -> Compiled:
        self.project.write("tables.json", json.dumps({"columns": columns, "are_built": are_built}))
        done = subprocess.run(
            [
                sys.executable,
                Path(__file__).with_name("offline_dbt.py"),
                *[self.name, "tables.json", "--no-use-colors", "compile", "--no-populate-cache"],
                *([] if are_built else ["--no-partial-parse", "--show-all-deprecations"]),
            ],
            cwd=self.project.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        manifest = json.loads((self.project.folder / "target" / "manifest.json").read_text())
        compiled: dict[str, dict[str, str]] = {"sql": {}, "python": {}}
        for node in manifest["nodes"].values():
            if node["resource_type"] != "seed":
                compiled[node.get("language", "sql")][node["name"]] = node["compiled_code"]
        return Compiled(**compiled, manifest=manifest, output=done.stdout)


@pytest.fixture(scope="module", params=TARGETS)
def warehouse(request, tmp_path_factory) -> Warehouse:
    return Warehouse(request.param, tmp_path_factory.mktemp(request.param) / "shop")


def test_parsing_and_compiling_give_no_warning_and_no_deprecation(warehouse):
    for compiled in (warehouse.new, warehouse.built):
        assert "WARNING" not in compiled.output and "eprecat" not in compiled.output, compiled.output


def test_every_statement_parses_in_the_dialect(warehouse):
    statements = warehouse.statements()
    assert len(statements) > 500
    wrong = {}
    for name, sql in statements.items():
        try:
            parsed = sqlglot.parse(sql, dialect=warehouse.name)
        except sqlglot.errors.ParseError as error:
            wrong[name] = str(error)[:500]
            continue
        if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
            wrong[name] = f"not one query: {parsed}"[:500]
    assert wrong == {}


def test_the_python_model_is_valid_python(warehouse):
    (code,) = warehouse.new.python.values()
    names = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    assert {"model", "ref"} <= names
