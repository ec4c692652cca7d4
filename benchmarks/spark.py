"""Print the seconds of each model of a full build on Apache Spark, one process on this machine.

    .venv-engines/bin/python benchmarks/spark.py --lines 1000000 --master 'local[2]'

Runs in the environment of tests/engines (make test-engines makes it). The lines are those of run.py;
they stand in a Parquet table before the clock starts.
"""

import argparse
import sys
from pathlib import Path

import yaml
from generate_lines import generate_lines

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/engines"))
from spark_session import Spark

SHOWN_SECONDS = 0.5


def write_project(folder: Path, threads: int) -> None:
    """Writes a consumer project that reads the source table raw.lines."""
    files = {
        "dbt_project.yml": {
            "name": "spark_benchmark",
            "version": "0.1.0",
            "config-version": 2,
            "profile": "spark_benchmark",
            "vars": {
                "segmentation_input": {"transactions": {"source": "raw", "table": "lines"}},
                "segmentation_options": {"trainer": "sql"},
            },
        },
        "profiles.yml": {
            "spark_benchmark": {
                "target": "spark",
                "outputs": {
                    "spark": {
                        "type": "spark",
                        "method": "session",
                        "host": "this process",
                        "schema": "main",
                        "threads": threads,
                    }
                },
            }
        },
        "packages.yml": {"packages": [{"local": str(HERE.parent)}]},
        "models/_sources.yml": {
            "sources": [{"name": "raw", "schema": "raw", "tables": [{"name": "lines"}]}]
        },
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    packages = folder / "dbt_packages"
    packages.mkdir(exist_ok=True)
    if not (packages / "segmentation").exists():
        (packages / "segmentation").symlink_to(HERE.parent)


def main() -> None:
    """Builds once and prints the seconds of each model, the longest first."""
    from dbt.cli.main import dbtRunner

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--memory", default="4g", help="of the driver")
    parser.add_argument("--partitions", default="8", help="of a shuffle, at most")
    parser.add_argument("--folder", type=Path, default=HERE / "output")
    arguments = parser.parse_args()
    lines = arguments.folder.resolve() / f"lines_{arguments.lines}.parquet"
    if not lines.exists():
        lines.parent.mkdir(parents=True, exist_ok=True)
        generate_lines(lines, arguments.lines)
    project = arguments.folder.resolve() / "spark"
    write_project(project, threads=1)
    spark = Spark(
        arguments.master,
        {"spark.driver.memory": arguments.memory, "spark.sql.shuffle.partitions": arguments.partitions},
        is_short=False,
    )
    try:
        spark.session.sql("create schema raw")
        spark.session.read.parquet(str(lines)).write.saveAsTable("raw.lines")
        place = ["--project-dir", str(project), "--profiles-dir", str(project)]
        done = dbtRunner().invoke(["--quiet", "run", *place])
    finally:
        spark.stop()
    if not done.success:
        sys.exit("the build failed")
    seconds = {result.node.name: result.execution_time for result in done.result}
    for name, spent in sorted(seconds.items(), key=lambda item: -item[1]):
        if spent >= SHOWN_SECONDS:
            print(f"{name:<45}{spent:>8.1f}")
    print(f"{'all models, one after the other':<45}{sum(seconds.values()):>8.1f}")


if __name__ == "__main__":
    main()
