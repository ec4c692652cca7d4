"""Print how the seconds of the models grow with features, k and the number of segmentations.

    python benchmarks/scale.py --lines 10000000

Builds the consumer project in benchmarks/project once, then fits and scores it again under other
definitions, on the same customers. One dbt node runs at a time, so that the seconds of the models
add up; they are shown by folder, with the fit and the scoring by themselves.
"""

import json
import os

from daily import VARS, describe_machine, model_seconds, read_arguments, write_loads
from run import HERE, run_dbt_command

RFM = ["recency_days", "frequency", "monetary"]
MORE = ["tenure_days", "average_order_value", "days_between_orders"]
ALONE = {
    "int_segmentation__fit_python": "the fit",
    "segmentation__customer_segments": "scoring",
    "segmentation__segment_events": "events",
}


def definition(features=RFM, k=4):
    """Give a definition over the RFM table."""
    return {"features": list(features), "value": "monetary", "k": k}


VARIANTS = {
    "3 features, k = 4": {"a": definition()},
    "6 features, k = 4": {"a": definition(RFM + MORE)},
    "3 features, k = 8": {"a": definition(k=8)},
    "3 features, k = 16": {"a": definition(k=16)},
    "two of them, k = 4": {name: definition() for name in "ab"},
    "four of them, k = 4": {name: definition() for name in "abcd"},
    "3 features, k: auto": {"a": definition(k="auto")},
}


def folder_of_model():
    """Give for each of the package's models the folder that it lies in, or what it is."""
    models = (HERE.parent / "models").glob("**/*")
    return {path.stem: ALONE.get(path.stem, path.parent.name) for path in models if path.is_file()}


def print_seconds(name, seconds):
    """Print the seconds of a build by folder."""
    folders, sums = folder_of_model(), {}
    for model, spent in seconds.items():
        part = folders.get(model, "other")
        sums[part] = sums.get(part, 0) + spent
    parts = ["transactions", "customers", "model", "the fit", "scoring", "events", "segments"]
    print(f"{name:<22}" + "".join(f"{sums.get(part, 0):>13.2f}" for part in parts), flush=True)


def main():
    """Build once, then under each variant of the definitions, and print the seconds."""
    arguments = read_arguments()
    folder = arguments.folder.resolve() / f"scale_{arguments.lines}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmark.duckdb").unlink(missing_ok=True)
    write_loads(folder, arguments.lines)
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(arguments.threads),
        "BENCHMARK_LINES": str(folder / "first_loads.parquet"),
        "BENCHMARK_DATABASE": str(folder / "benchmark.duckdb"),
        "BENCHMARK_THREADS": str(arguments.threads),
        "BENCHMARK_DBT_THREADS": "1",
        "BENCHMARK_MEMORY_LIMIT": arguments.memory_limit,
    }
    print(f"{arguments.lines:,} order lines; {describe_machine()}", flush=True)
    print(f"{'seconds in':<22}" + "".join(
        f"{part:>13}"
        for part in ["transactions", "customers", "model", "fit", "scoring", "events", "segments"]
    ))
    run_dbt_command("deps", folder / "deps", environment)
    run_dbt_command("run", folder / "target", environment, "--vars", json.dumps(VARS))
    print_seconds("everything, defaults", model_seconds(folder / "target"))
    selected = ["--select", "segmentation__settings", "segmentation.model", "segmentation.segments"]
    for name, definitions in VARIANTS.items():
        variables = json.dumps(VARS | {"segmentation_definitions": definitions})
        run_dbt_command("run", folder / "target", environment, *selected, "--vars", variables)
        print_seconds(name, model_seconds(folder / "target"))


if __name__ == "__main__":
    main()
