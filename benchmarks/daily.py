"""Time a daily run on 1 % new lines against the full build that it stands on.

    python benchmarks/daily.py --lines 10000000

Builds the consumer project in benchmarks/project with `incremental` set, adds the lines of one more
day and runs it again. The new lines are orders of known customers, 5 % of them long past, and a
twentieth as many are lines of older loads once more. Prints the seconds of each model in both runs
and their ratio. One dbt node runs at a time, so that the seconds of the models add up.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

import duckdb
from generate_lines import LINES_PER_CUSTOMER, generate_lines
from run import HERE, describe_machine, run_dbt_command

# All options at their defaults: the history, which run.py leaves out, is part of a daily run.
VARS = {
    "segmentation_input": {
        "transactions": "benchmark_lines",
        "incremental": {"loaded_at": "loaded_at"},
    },
    "segmentation_options": {},
}

# Each line is loaded in the night after its day.
FIRST_LOADS_SQL = """
copy (
    select *, date_trunc('day', ordered_at) + interval 26 hours as loaded_at
    from '{lines}'
) to '{first_loads}' (format parquet)
"""

# Orders of the first day of 2026, but for the late ones, and a sample of what is known.
NEXT_LOAD_SQL = """
copy (
    with

    new_lines as (

        select * replace (
            order_id + {known_orders} as order_id,
            case
                when hash(order_id) % 20 = 0 then ordered_at
                else timestamp '2026-01-01' + to_seconds(cast(hash(order_id, 'time') % 86400 as bigint))
            end as ordered_at
        )

        from '{new_lines}'

    ),

    replayed_lines as (

        select * exclude (loaded_at) from '{first_loads}' where hash(order_id, product_id) % 2000 = 0

    )

    select *, timestamp '2026-01-02 02:00:00' as loaded_at from new_lines
    union all
    select *, timestamp '2026-01-02 02:00:00' as loaded_at from replayed_lines
) to '{next_load}' (format parquet)
"""


def write_loads(folder, lines):
    """Write first_loads.parquet and next_load.parquet into the folder, where they are missing."""
    if (folder / "next_load.parquet").exists():
        return
    names = ("lines", "new_lines", "first_loads", "next_load")
    files = {name: folder / f"{name}.parquet" for name in names}
    generate_lines(files["lines"], lines)
    # with as many customers, the orders of a hundredth of the lines go to one known customer each
    customers = max(1, lines // LINES_PER_CUSTOMER)
    generate_lines(files["new_lines"], max(1, lines // 100), customers, seed=43)
    with duckdb.connect() as connection:
        connection.execute(FIRST_LOADS_SQL.format(**files))
        connection.execute(NEXT_LOAD_SQL.format(known_orders=lines, **files))
    files["lines"].unlink()
    files["new_lines"].unlink()


def model_seconds(folder):
    """Give the seconds of each model in dbt's run_results.json."""
    results = json.loads((folder / "run_results.json").read_text())["results"]
    return {result["unique_id"].split(".")[2]: result["execution_time"] for result in results}


def run_models(folder, lines, arguments):
    """Run the project over these Parquet files and give the seconds of each model."""
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(arguments.threads),
        "BENCHMARK_LINES": str(lines),
        "BENCHMARK_DATABASE": str(folder / "benchmark.duckdb"),
        "BENCHMARK_THREADS": str(arguments.threads),
        "BENCHMARK_DBT_THREADS": "1",
        "BENCHMARK_MEMORY_LIMIT": arguments.memory_limit,
    }
    run_dbt_command("deps", folder / "deps", environment)
    run_dbt_command(
        "run", folder / "target", environment, "--vars", json.dumps(VARS)
    )
    return model_seconds(folder / "target")


def print_comparison(full, daily):
    """Print the seconds of each model in both runs, those that take longest in full first."""
    print(f"\n{'':<44}{'full':>10}{'daily':>10}{'ratio':>8}")
    rows = sorted(full, key=full.get, reverse=True)
    for name, here, there in [
        *[(name, full[name], daily[name]) for name in rows],
        ("all models", sum(full.values()), sum(daily.values())),
    ]:
        print(f"{name:<44.44}{here:>8.2f} s{there:>8.2f} s{there / max(here, 1e-9):>8.2f}")


def read_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--lines", type=int, default=10_000_000, help="order lines of the full build")
    add("--threads", type=int, default=2, help="threads of DuckDB and of scikit-learn")
    add("--memory-limit", default="6GB", help="memory limit of DuckDB")
    add("--folder", type=Path, default=HERE / "output", help="where all files go")
    return parser.parse_args()


def main():
    """Write the lines, build in full, add a day, run again, and print both."""
    arguments = read_arguments()
    folder = arguments.folder.resolve() / f"daily_{arguments.lines}"
    shutil.rmtree(folder / "target", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.duckdb").unlink(missing_ok=True)
    print(f"{arguments.lines:,} order lines and 1 % more; {describe_machine()}", flush=True)
    write_loads(folder, arguments.lines)
    full = run_models(folder, folder / "first_loads.parquet", arguments)
    print(f"full build: {sum(full.values()):.1f} s in all models", flush=True)
    daily = run_models(folder, folder / "*_load*.parquet", arguments)
    with duckdb.connect(str(folder / "benchmark.duckdb"), read_only=True) as connection:
        outcomes = connection.sql(
            "select coalesce(rejection_reason, 'kept') as outcome, count(*) as new_lines "
            "from int_segmentation__lines where loaded_at = timestamp '2026-01-02 02:00:00' "
            "group by all order by all"
        ).fetchall()
        [(stored,)] = connection.sql("select count(*) from int_segmentation__lines").fetchall()
        [(given,)] = connection.sql(f"select count(*) from '{folder}/*_load*.parquet'").fetchall()
    print("new lines: " + ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes))
    if stored != given:
        sys.exit(f"{given:,} lines were given, but {stored:,} are stored")
    print_comparison(full, daily)


if __name__ == "__main__":
    main()
