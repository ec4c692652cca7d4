"""Compares what the package built on two engines, table by table and row by row.

Doubles are equal within 1e-9 relative; everything else is identical, the kinds of columns too.
"""

import datetime
import decimal
import math
from typing import NamedTuple

# Left out: when something was built says nothing of what was built. By name of the column, and by
# the name of the parameter in segmentation__model.
CLOCK_COLUMNS = ("fitted_at", "rebuilt_at")
# Stand beside the rows where an engine replaces those that new lines touch, and nowhere else.
REPLACEMENT_COLUMNS = ("loaded_at", "basis")
CLOCK_PARAMETERS = ("fitted_at",)

KINDS = {
    bool: "boolean",
    int: "whole number",
    float: "double",
    decimal.Decimal: "fixed-point",
    str: "text",
    datetime.date: "date",
    datetime.datetime: "timestamp",
}


class Difference(NamedTuple):
    """One way in which two tables differ; the values are those of the first and second engine."""

    table: str
    what: str
    first: object
    second: object


def differences(first, second, limit: int = 5) -> list[Difference]:
    """Lists how the public tables of two projects of `projects.py` differ; none where they do not.

    limit   how many differing rows of a table are listed at the most
    """
    names, others = first.public_tables(), second.public_tables()
    if names != others:
        return [Difference("all", "tables", names, others)]
    return [found for name in names for found in _of_table(name, first, second, limit)]


def _of_table(name: str, first, second, limit: int) -> list[Difference]:
    tables = [_without_clocks(project.table(name)) for project in (first, second)]
    in_both = set(tables[0]) & set(tables[1])
    beside = [column for column in REPLACEMENT_COLUMNS if column not in in_both]
    tables = [table.drop(columns=beside, errors="ignore") for table in tables]
    columns, others = (list(table.columns) for table in tables)
    if columns != others:
        return [Difference(name, "columns", columns, others)]
    kinds, other_kinds = (_kinds(table) for table in tables)
    found = [
        Difference(name, f"kind of {column}", kinds[column], other_kinds[column])
        for column in columns
        if kinds[column] and other_kinds[column] and kinds[column] != other_kinds[column]
    ]
    rows, other_rows = (_in_order(table, kinds) for table in tables)
    if len(rows) != len(other_rows):
        return [*found, Difference(name, "number of rows", len(rows), len(other_rows))]
    unequal = []
    for row, other in zip(rows, other_rows, strict=True):
        differing = [place for place in range(len(row)) if not _is_same(row[place], other[place])]
        if differing:
            what = f"{', '.join(columns[place] for place in differing)} of {dict(zip(columns, row, strict=True))}"
            unequal.append(
                Difference(
                    name,
                    what,
                    [row[place] for place in differing],
                    [other[place] for place in differing],
                )
            )
    if len(unequal) > limit:
        found.append(Difference(name, "rows that differ", len(unequal), len(unequal)))
    return found + unequal[:limit]


def _without_clocks(table):
    table = table.drop(columns=[column for column in CLOCK_COLUMNS if column in table])
    if "parameter" in table:
        table = table[~table["parameter"].isin(CLOCK_PARAMETERS)]
    return table


def _kinds(table) -> dict[str, str | None]:
    """Gives the kind of each column by its values; none where all are null."""
    kinds = {}
    for column in table:
        found = {KINDS[type(value)] for value in table[column] if value is not None}
        kinds[column] = "/".join(sorted(found)) or None
    return kinds


def _in_order(table, kinds) -> list[tuple]:
    """Gives the rows sorted: by what is no double first, which hangs on no last digit."""
    exact = [place for place, column in enumerate(table) if kinds[column] != "double"]
    doubles = [place for place, column in enumerate(table) if kinds[column] == "double"]

    def key(row):
        return [(row[place] is not None, str(row[place])) for place in exact] + [
            (row[place] is not None, float(f"{row[place] or 0:.6g}")) for place in doubles
        ]

    return sorted(table.itertuples(index=False, name=None), key=key)


def _is_same(left, right) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12)
    return left == right
