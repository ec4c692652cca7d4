"""Snowflake, BigQuery, Redshift and Databricks, none of which is here: what dbt compiles for them.

A project with every algorithm and option is parsed without a warning and compiled offline, before
and after its tables are built. Every statement is parsed in the warehouse's dialect and calls only
functions that the warehouse documents; BigQuery's are analyzed, types and all.
"""

import ast
import functools
import graphlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlglot
import yaml
from bigquery import Analyzer
from consumer import Consumer, run_dbt
from sqlglot import exp
from zetasql.core.exceptions import ZetaSQLError

OFFLINE = Path(__file__).with_name("offline_dbt.py")

TARGETS: dict[str, dict[str, Any]] = {
    "snowflake": {"account": "none", "user": "u", "password": "p", "database": "d", "schema": "s"},
    "bigquery": {"method": "oauth-secrets", "token": "t", "project": "d", "schema": "s"},
    "redshift": {
        "host": "localhost",
        "user": "u",
        "password": "p",
        "port": 1,
        "dbname": "d",
        "schema": "s",
    },
    "databricks": {
        "host": "localhost",
        "http_path": "/p",
        "token": "t",
        "catalog": "d",
        "schema": "s",
    },
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

# The same members fitted in SQL, from lines whose kinds are not known, all else at its default.
SQL_VARIABLES = {
    "segmentation_input": {"transactions": {"source": "raw", "table": "unknown"}},
    "segmentation_definitions": {"rfm": {}, "members": MEMBERS},
    "segmentation_options": {"trainer": "sql"},
}

UNKNOWN_COLUMNS = ["customer_id", "ordered_at", "order_id", "product_id", "quantity", "unit_price"]

# What the Python model gives, as BigQuery stores it.
FITTED_COLUMNS = [
    *[(name, "string") for name in ("segmentation", "parameter", "feature", "text_value")],
    *[(name, "int64") for name in ("k", "cluster", "prototype", "level_id", "node_id")],
    ("value", "float64"),
]

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
        {"sources": [{"name": "raw", "tables": [{"name": name} for name in [*TABLES, "unknown"]]}]}
    ),
}


def words(text: str) -> set[str]:
    """Gives the words of a text."""
    return set(text.split())


# Functions, and words that stand before a parenthesis, on all of them.
FUNCTIONS = words(
    """
    abs and as avg cast ceil chr coalesce concat count cume_dist dense_rank else exists exp first_value floor
    from greatest in join lag lead least ln max md5 min mod not nullif or over power rank replace round
    row_number select sign sqrt stddev_pop substring sum then trim when where
    """
)
# What is said differently; the warehouse's reference lists each.
FUNCTIONS_OF = {
    "snowflake": words(
        """
        convert_timezone date_trunc dateadd datediff group listagg percentile_cont regexp_like sha2
        split_part
        """
    ),
    "bigquery": words(
        """
        approx_quantiles datetime_add datetime_diff format offset regexp_contains safe_offset sha256 split
        string_agg timestamp_trunc to_hex
        """
    ),
    "redshift": words(
        """
        btrim date_trunc dateadd datediff group listagg percentile_disc sha2 split_part
        """
    ),
    "databricks": words(
        """
        array_join array_sort collect_list date_trunc format_string get percentile regexp_extract sha2 split
        struct timestampadd timestampdiff transform values
        """
    ),
}


class Compiled(NamedTuple):
    """What dbt compiled, SQL and Python by the name of a node; of models, what each reads; what was said."""

    sql: dict[str, str]
    python: dict[str, str]
    models: dict[str, list[str]]
    output: str

    def in_order(self) -> Iterator[tuple[str, str]]:
        """Gives all SQL with its names, models before what reads them and before all else."""
        order = graphlib.TopologicalSorter(self.models).static_order()
        for name in [*order, *(self.sql.keys() - self.models.keys())]:
            if name in self.sql:
                yield name, self.sql[name]


class Warehouse:
    """The project for one warehouse, compiled before and after its tables are built, and as SQL fits."""

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
        no_tests = ["--exclude", "resource_type:test"]
        fresh = ["--no-partial-parse", "--show-all-deprecations"]
        self.new = self._compile(columns, False, *fresh)
        self.built = self._compile(
            columns, True, "--select", "config.materialized:incremental", *no_tests
        )
        self.project.configure(SQL_VARIABLES)
        self.fitted_by_sql = self._compile(columns, False, *fresh, *no_tests)
        self.all = [self.new, self.built, self.fitted_by_sql]

    def statements(self) -> Iterator[tuple[str, str]]:
        """Gives all compiled SQL, with the names of the nodes."""
        for compiled in self.all:
            yield from compiled.sql.items()

    def _compile(
        self, columns: dict[str, dict[str, str]], are_built: bool, *arguments: str
    ) -> Compiled:
        run = run_dbt(
            self.project.folder,
            *["compile", "--no-populate-cache", *arguments],
            before=(OFFLINE, "go_offline", [self.name, columns, are_built]),
        )
        assert run.exit_code == 0, run.output[-6000:]
        manifest = json.loads((self.project.folder / "target" / "manifest.json").read_text())
        code: dict[str, dict[str, str]] = {"sql": {}, "python": {}}
        models = {}
        for node in manifest["nodes"].values():
            if node.get("compiled_code"):
                code[node.get("language", "sql")][node["name"]] = node["compiled_code"]
                if node["resource_type"] == "model":
                    models[node["name"]] = [
                        key.split(".")[-1]
                        for key in node["depends_on"]["nodes"]
                        if key.startswith("model.")
                    ]
        return Compiled(code["sql"], code["python"], models, run.output)


def called_functions(sql: str) -> set[str]:
    """Gives the names that stand before a parenthesis, but for names of tables, in lower case."""
    bare = re.sub(
        r"r?'(?:[^'\\]|\\.|'')*'|--[^\n]*|/\*.*?\*/|`[^`]*`|\"[^\"]*\"", " ", sql, flags=re.DOTALL
    )
    return {name.lower() for name in re.findall(r"(?<!\bas )\b([A-Za-z_]\w*)\s*\(", bare)}


@pytest.fixture(scope="module")
def compiled_for(tmp_path_factory) -> Callable[[str], Warehouse]:
    """Compiles the project for a warehouse, once."""
    return functools.cache(lambda name: Warehouse(name, tmp_path_factory.mktemp(name) / "shop"))


@pytest.fixture(params=TARGETS)
def warehouse(request, compiled_for) -> Warehouse:
    """Each of the four."""
    return compiled_for(request.param)


def test_parsing_and_compiling_give_no_warning_and_no_deprecation(warehouse):
    for compiled in warehouse.all:
        assert "WARNING" not in compiled.output, compiled.output
        assert "eprecat" not in compiled.output, compiled.output


def test_every_statement_parses_in_the_dialect(warehouse):
    assert len(warehouse.new.sql) > 220
    wrong = {}
    for name, sql in warehouse.statements():
        try:
            parsed = sqlglot.parse(sql, dialect=warehouse.name)
        except sqlglot.errors.ParseError as error:
            wrong[name] = str(error)[:500]
            continue
        if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
            wrong[name] = f"not one query: {parsed}"[:500]
    assert wrong == {}


def test_only_functions_are_called_that_the_warehouse_documents(warehouse):
    called = {name for _, sql in warehouse.statements() for name in called_functions(sql)}
    assert called - FUNCTIONS - FUNCTIONS_OF[warehouse.name] == set()
    # ... and the list of a warehouse holds none that nobody calls
    assert FUNCTIONS_OF[warehouse.name] - called == set()


def test_bigquery_finds_nothing_wrong_with_any_statement(compiled_for):
    warehouse = compiled_for("bigquery")
    analyzer = Analyzer()
    for table, columns in TABLES.items():
        types = [(name, DATA_TYPES["bigquery"][kind].lower()) for name, kind in columns.items()]
        analyzer.add_table(table, types)
    analyzer.add_table("unknown", [(name, "string") for name in UNKNOWN_COLUMNS])
    analyzer.add_table("int_segmentation__fit_python", FITTED_COLUMNS)
    wrong = {}
    for compiled in warehouse.all:
        for name, sql in compiled.in_order():
            # ZetaSQL allows it, BigQuery: "Parameterized types are not allowed in CAST expressions".
            if re.search(r"\bas (big)?(numeric|decimal) ?\(", sql):
                wrong[name] = "a cast to a type with parameters"
            try:
                columns = analyzer.analyze(sql)
            except ZetaSQLError as error:
                wrong[name] = str(error)
                continue
            if name in compiled.models:
                analyzer.add_table(name, columns)
    assert wrong == {}


def test_bigquerys_analyzer_tells_right_from_wrong():
    analyzer = Analyzer()
    analyzer.add_table("orders", [("id", "string"), ("amount", "numeric")])
    columns = analyzer.analyze("select id, sum(amount) as total from `d`.`s`.`orders` group by id")
    assert [name for name, _ in columns] == ["id", "total"]
    for wrong in [
        "select 1 as a where false",
        "select amount < 1e300 as a from orders",
        "select id as a from orders where id = 1",
        "select 'O''Neil' as a",
    ]:
        with pytest.raises(ZetaSQLError, match="INVALID_ARGUMENT|OUT_OF_RANGE"):
            analyzer.analyze(wrong)


def test_the_python_model_is_valid_python(warehouse):
    if warehouse.name == "redshift":
        assert warehouse.new.python == {}
        return
    (code,) = warehouse.new.python.values()
    names = {node.name for node in ast.parse(code).body if isinstance(node, ast.FunctionDef)}
    assert {"model", "ref"} <= names
