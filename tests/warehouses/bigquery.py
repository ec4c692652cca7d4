"""BigQuery's SQL judged by Google's own analyzer (ZetaSQL, which BigQuery is built on), offline."""

import ctypes
import re
from typing import Any

from zetasql.api import CatalogBuilder, TableBuilder
from zetasql.core import ZetaSqlLocalService
from zetasql.core.wasm_client import WasmClient
from zetasql.types import (
    AnalyzeRequest,
    AnalyzerOptions,
    LanguageOptions,
    ProductMode,
    TypeKind,
    ZetaSQLBuiltinFunctionOptions,
    parse_proto,
)
from zetasql.wasi._pb2.zetasql.local_service.local_service_pb2 import AnalyzeResponse

TYPES = {
    "string": TypeKind.TYPE_STRING,
    "int64": TypeKind.TYPE_INT64,
    "numeric": TypeKind.TYPE_NUMERIC,
    "float64": TypeKind.TYPE_DOUBLE,
    "date": TypeKind.TYPE_DATE,
    "datetime": TypeKind.TYPE_DATETIME,
    "timestamp": TypeKind.TYPE_TIMESTAMP,
    "bool": TypeKind.TYPE_BOOL,
}


def read_bytes(self: WasmClient, pointer: int, size: int) -> bytes:
    """Gives what the analyzer has in its memory, all at once; the client copies byte by byte."""
    return ctypes.string_at(_address(self, pointer), size)


def write_bytes(self: WasmClient, pointer: int, data: bytes) -> None:
    """Puts data into the analyzer's memory, all at once."""
    ctypes.memmove(_address(self, pointer), data, len(data))


def _address(client: WasmClient, pointer: int) -> int:
    return ctypes.addressof(client.memory.data_ptr().contents) + pointer


WasmClient.read_bytes, WasmClient.write_bytes = read_bytes, write_bytes


class Analyzer:
    """Knows tables with the types of their columns, and says what is wrong with a query over them."""

    def __init__(self) -> None:
        language = LanguageOptions.maximum_features()
        language.product_mode = ProductMode.PRODUCT_EXTERNAL
        self.functions = ZetaSQLBuiltinFunctionOptions(language_options=language)
        self.options = AnalyzerOptions(language_options=language, default_timezone="UTC")
        self.service = ZetaSqlLocalService.get_instance()
        self.tables: dict[str, Any] = {}
        self.catalog_id: int | None = None

    def add_table(self, name: str, columns: list[tuple[str, Any]]) -> None:
        """Adds a table; a type is one of `TYPES` or what `analyze` gave."""
        table = TableBuilder(name)
        for column, data_type in columns:
            table.add_column(
                column, TYPES.get(data_type, data_type) if isinstance(data_type, str) else data_type
            )
        self.tables[name] = table.build()
        self.catalog_id = None

    def analyze(self, sql: str) -> list[tuple[str, Any]]:
        """Gives the columns of a query with their types; raises where BigQuery would."""
        if self.catalog_id is None:
            catalog = CatalogBuilder("warehouse").with_builtin_functions(self.functions)
            for table in self.tables.values():
                catalog.add_table(table)
            self.catalog_id = self.service.register_catalog(
                simple_catalog=catalog.build()
            ).registered_id
        # BigQuery's other names of int64, which it adds to ZetaSQL; tables here are of one dataset.
        sql = re.sub(
            r"\bas (?:integer|bigint)\b", "as int64", re.sub(r"`[^`]+`\.`[^`]+`\.", "", sql)
        )
        request = AnalyzeRequest(
            sql_statement=sql, options=self.options, registered_catalog_id=self.catalog_id
        )
        # What `analyze` of the service does, but that it makes objects of the whole tree.
        analyzed = self.service.wasm_client.call_grpc_func(
            "ZetaSqlLocalService_Analyze", request.to_proto(), AnalyzeResponse
        )
        return [
            (column.name, parse_proto(column.column.type))
            for column in analyzed.resolved_statement.resolved_query_stmt_node.output_column_list
        ]
