"""Has dbt work for a warehouse that is not there: its adapter knows some tables, and connects to nothing."""

from dbt.adapters.factory import FACTORY


def go_offline(adapter_type: str, columns: dict[str, dict[str, str]], are_built: bool) -> None:
    """Has the adapter answer from memory what it would ask the warehouse.

    columns    table -> column -> data type
    are_built  whether the project's own tables stand, so that incremental models append
    """
    FACTORY.load_plugin(adapter_type)
    adapter = FACTORY.get_plugin_by_name(adapter_type).adapter

    def get_columns_in_relation(self, relation):
        types = columns.get(relation.identifier, {})
        return [self.Column.create(name, data_type) for name, data_type in types.items()]

    def get_relation(self, database, schema, identifier):
        if are_built:
            return self.Relation.create(database, schema, identifier, type="table")

    adapter.get_columns_in_relation = get_columns_in_relation
    adapter.get_relation = get_relation
    if adapter_type == "databricks":
        # What the warehouse's version can do: all of it.
        adapter.has_dbr_capability = lambda self, name: True
