"""The whole package on a cluster of Apache Spark, in ANSI mode: the same tables as on DuckDB."""

from compare import differences
from projects import FIRST_BUILD, SparkProject, run_step


def test_a_cluster_gives_the_same_tables(spark_cluster, tmp_path, on_duckdb):
    """Rows go from process to process, stages are compiled, tables are Hive's, and what cannot be cast is an error."""
    project = SparkProject(tmp_path / "shop", spark_cluster.session)
    run_step(project, "run")
    assert differences(project, on_duckdb[FIRST_BUILD]) == []
