"""Time the package against the textbook script, on the same order lines and in the same run.

    python benchmarks/run.py --lines 10000000

Generates the lines where they are missing, runs textbook.py, then `dbt run` and `dbt build` of the
consumer project in benchmarks/project, each in a fresh database. As on any day but the first, the
project has been parsed before; what that first parse costs is measured too.
Every run is a process of its own, timed from its start to its end and with its peak of resident
memory as the system counted it (dbt with DuckDB is one process). Prints the stages of each run and
a table of all.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
PROJECT = HERE / "project"
SEGMENTS_MODEL = "segmentation__customer_segments"
# Where Python may keep nothing of what it compiles, every run would compile all that it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# tests that take less are summed up in one stage
SHORT_TEST_SECONDS = 0.5


@dataclass
class Measurement:
    """A finished process: start and end (seconds since the epoch), peak memory, what it printed."""

    started: float
    ended: float
    peak_bytes: int
    output: str

    @property
    def seconds(self):
        """Wall time."""
        return self.ended - self.started


def measure(command, log_path, environment):
    """Run `command` to its end with its output in the file `log_path`, and measure it.

    Raises SystemExit with the end of the output where the command fails.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("w") as log:
        started = time.time()
        process = subprocess.Popen(
            [str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.time()
    process.returncode = os.waitstatus_to_exitcode(status)
    output = log_path.read_text()
    if process.returncode != 0:
        end_of_output = "\n".join(output.splitlines()[-40:])
        sys.exit(f"{end_of_output}\n\n{command[0]} ended with {process.returncode}; see {log_path}")
    # Linux counts in units of 1,024 bytes, macOS in bytes
    peak_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return Measurement(started, ended, peak_bytes, output)


def print_stages(title, stages):
    """Print (stage, seconds) pairs under a title."""
    print(f"\n{title}")
    for stage, seconds in stages:
        print(f"  {stage:<60.60}{seconds:>9.2f} s")
    sys.stdout.flush()


def prepare(lines_path, arguments, environment):
    """Write the order lines where missing, and bring what every run reads into the page cache."""
    if not lines_path.exists():
        script = HERE / "generate_lines.py"
        command = [sys.executable, script, lines_path, "--lines", arguments.lines]
        if arguments.customers:
            command += ["--customers", arguments.customers]
        generation = measure(command, arguments.folder / "generate_lines.log", environment)
        print_stages("Order lines", [("generate", generation.seconds)])
    imports = "import pandas, pyarrow, scipy.stats, sklearn.cluster"
    subprocess.run([sys.executable, "-c", imports], check=True)
    with lines_path.open("rb") as lines:
        while lines.read(1 << 24):
            pass
    os.sync()


def run_textbook(lines_path, arguments, environment):
    """Run the textbook script and print its stages."""
    segments_path = arguments.folder / "textbook.parquet"
    command = [sys.executable, HERE / "textbook.py", lines_path, segments_path]
    measurement = measure(command, arguments.folder / "textbook.log", environment)
    report = json.loads(measurement.output.splitlines()[-1])
    python_seconds = measurement.seconds - sum(report["seconds"].values())
    stages = [("Python starts, imports and ends", python_seconds), *report["seconds"].items()]
    print_stages(f"Textbook script ({report['customers']:,} customers)", stages)
    return measurement


def run_dbt_command(verb, folder, environment, *more):
    """Run one command of dbt on the consumer project; logs and artifacts go to `folder`.

    `more` are further options of the command line.
    """
    command = Path(sys.executable).parent / "dbt"
    if not command.exists():
        sys.exit(f"No dbt beside {sys.executable}: use the Python of the project's environment.")
    options = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--log-path", folder]
    if verb != "deps":
        options += ["--target-path", folder]
    command_line = [command, "--no-use-colors", verb, *options, *more]
    return measure(command_line, folder / f"{verb}.log", environment)


def run_dbt(verb, arguments, environment):
    """Run `dbt run` or `dbt build` in a fresh database and print its stages.

    Gives its measurement and that of the parse before it.
    """
    folder = arguments.folder / f"dbt_{verb}"
    shutil.rmtree(folder, ignore_errors=True)
    database = folder / "benchmark.duckdb"
    environment = {**environment, "BENCHMARK_DATABASE": str(database)}
    first_parse = run_dbt_command("parse", folder, environment)
    measurement = run_dbt_command(verb, folder, environment)
    results = json.loads((folder / "run_results.json").read_text())["results"]
    print_stages(f"dbt {verb}", dbt_stages(results, measurement))
    print_scoring_speed(results, database)
    return measurement, first_parse


def dbt_stages(results, measurement):
    """Give (stage, seconds) pairs of the results in dbt's run_results.json, short tests as one.

    With one dbt thread the stages add up to the wall time, dbt's own time between nodes apart;
    with more they overlap.
    """
    starts = [instant(step["started_at"]) for result in results for step in result["timing"]]
    ends = [instant(step["completed_at"]) for result in results for step in result["timing"]]
    stages = [("dbt starts and parses", min(starts) - measurement.started)]
    short_tests = []
    for result in results:
        kind, _, name = result["unique_id"].split(".")[:3]
        if kind in ("test", "unit_test") and result["execution_time"] < SHORT_TEST_SECONDS:
            short_tests.append(result["execution_time"])
        else:
            stages.append((name, result["execution_time"]))
    if short_tests:
        stages.append((f"short tests ({len(short_tests)})", sum(short_tests)))
    node_seconds = sum(result["execution_time"] for result in results)
    stages.append(("dbt between the nodes", max(0, max(ends) - min(starts) - node_seconds)))
    stages.append(("dbt ends", measurement.ended - max(ends)))
    return stages


def instant(text):
    """Give seconds since the epoch of a timestamp in dbt's artifacts, which is in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def print_scoring_speed(results, database):
    """Print how many customers a second the model with the customers' segments wrote."""
    seconds = sum(
        result["execution_time"]
        for result in results
        if result["unique_id"].endswith(f".{SEGMENTS_MODEL}")
    )
    if not seconds:
        return
    with duckdb.connect(str(database), read_only=True) as connection:
        [(customers,)] = connection.execute(f"select count(*) from {SEGMENTS_MODEL}").fetchall()
    speed = f"{customers:,} customers, {customers / seconds:,.0f} a second"
    print(f"  {SEGMENTS_MODEL}: {speed}", flush=True)


def print_summary(measurements):
    """Print a row for each run: wall seconds, peak memory, and ratios to the textbook script."""
    textbook = measurements.get("textbook script")
    header = f"{'':<20}{'wall':>12}{'peak memory':>16}{'wall ratio':>14}{'memory ratio':>14}"
    print(f"\n{header}")
    for name, measurement in measurements.items():
        row = f"{name:<20}{measurement.seconds:>10.1f} s"
        row += f"{measurement.peak_bytes / 1e9:>13.2f} GB"
        if textbook:
            row += f"{measurement.seconds / textbook.seconds:>14.2f}"
            row += f"{measurement.peak_bytes / textbook.peak_bytes:>14.2f}"
        print(row)


def describe_machine():
    """Give one line on the machine, how busy it is, and the versions of what runs on it.

    Other work falsifies the timings of both sides: scikit-learn's threads wait for each other.
    """
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = ["dbt-core", "dbt-duckdb", "duckdb", "pandas", "scikit-learn"]
    versions = [f"{package} {importlib.metadata.version(package)}" for package in packages]
    machine = f"{os.cpu_count()} cores, {memory:.0f} GB, load {os.getloadavg()[0]:.1f}"
    return ", ".join([machine, f"Python {platform.python_version()}", *versions])


def read_arguments():
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--lines", type=int, default=10_000_000, help="order lines")
    add("--customers", type=int, help="customers; without it, one for every 20 lines")
    add("--threads", type=int, default=2, help="threads of DuckDB and of scikit-learn")
    add("--dbt-threads", type=int, default=2, help="dbt nodes at a time")
    add("--memory-limit", default="6GB", help="memory limit of DuckDB in the dbt runs")
    add("--folder", type=Path, default=HERE / "output", help="where all files go")
    add("--skip-textbook", action="store_true", help="leave the textbook script out")
    add("--skip-build", action="store_true", help="leave `dbt build` out")
    arguments = parser.parse_args()
    arguments.folder = arguments.folder.resolve()
    return arguments


def main():
    """Generate the lines, run what was asked for, and print the table."""
    arguments = read_arguments()
    customers = f"_{arguments.customers}" if arguments.customers else ""
    lines_path = arguments.folder / f"lines_{arguments.lines}{customers}.parquet"
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": str(arguments.threads),
        "BENCHMARK_LINES": str(lines_path),
        "BENCHMARK_THREADS": str(arguments.threads),
        "BENCHMARK_DBT_THREADS": str(arguments.dbt_threads),
        "BENCHMARK_MEMORY_LIMIT": arguments.memory_limit,
    }
    print(f"{arguments.lines:,} order lines; {describe_machine()}", flush=True)
    prepare(lines_path, arguments, environment)

    measurements = {}
    try:
        if not arguments.skip_textbook:
            measurements["textbook script"] = run_textbook(lines_path, arguments, environment)
        run_dbt_command("deps", arguments.folder / "dbt_deps", environment)
        run, first_parse = run_dbt("run", arguments, environment)
        measurements["dbt, first parse"] = first_parse
        measurements["dbt run"] = run
        if not arguments.skip_build:
            measurements["dbt build"], _ = run_dbt("build", arguments, environment)
    finally:
        # what was measured before a failure is worth seeing too
        print_summary(measurements)


if __name__ == "__main__":
    main()
