"""Runs dbt, a process for each command, without the two seconds in which a command imports.

Imported, it offers `run`. As a script it is the server behind it, one for each process of pytest:
it has imported dbt, DuckDB, pandas and scikit-learn, opened nothing with them, and forks for each
command. The child takes the command's folder, environment and files of output, does what the
script `dbt` does, and ends. So no command sees what another left in memory, and one that is killed
takes nothing with it. The server ends with whom it serves, since its standard input ends then.
"""

import atexit
import functools
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Read when libraries are loaded, so the same for all commands: numbers that do not depend on the
# machine, and no thread in the server, which a fork would lose.
LOADED_WITH = {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def run(
    arguments: list[str], folder: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess:
    """Runs dbt with these arguments in a folder; gives what `subprocess.run` would, in bytes.

    environment  the whole of it, but for the variables above
    """
    server = _server()
    with tempfile.TemporaryDirectory() as files:
        output, errors = Path(files, "output"), Path(files, "errors")
        command = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment | LOADED_WITH,
            "files": [str(output), str(errors)],
        }
        print(json.dumps(command), file=server.stdin, flush=True)
        exit_code = server.stdout.readline()
        if not exit_code:
            raise RuntimeError(f"the server of dbt ended with {server.wait()}")
        return subprocess.CompletedProcess(
            ["dbt", *arguments], int(exit_code), output.read_bytes(), errors.read_bytes()
        )


@functools.cache
def _server() -> subprocess.Popen:
    """Gives the server of this process, started by the first command and waited for at the end."""
    server = subprocess.Popen(
        # -P: dbt does not find the modules of this folder
        [sys.executable, "-P", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | LOADED_WITH,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _load() -> None:
    """Imports what commands import, as far as it takes time."""
    import dbt.adapters.duckdb
    import dbt.cli.main
    import dbt.task.build
    import metricflow_semantics.model  # noqa: F401
    import pandas  # noqa: F401
    import scipy.optimize
    import scipy.stats  # noqa: F401
    import sklearn.cluster
    import sklearn.metrics
    import sklearn.mixture
    import sklearn.tree  # noqa: F401

    # What is there stays: the collector of the children need not look at it.
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else DuckDB's binding complains at the end


def _serve() -> None:
    """Answers each command, a line of JSON, with its exit code, until there are no more."""
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, os.devnull, os.O_WRONLY)
    _load()
    for line in commands:
        child = os.fork()
        if child == 0:
            commands.close()
            answers.close()
            _become(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _become(
    arguments: list[str], folder: str, environment: dict[str, str], files: list[str]
) -> None:
    """Makes this process the command: never returns."""
    import numpy
    from dbt.cli.main import cli

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    numpy.random.seed()  # random does so by itself
    for descriptor, file in enumerate(files, start=1):
        _redirect(descriptor, file, os.O_WRONLY | os.O_CREAT)
    sys.argv = ["dbt", *arguments]
    sys.exit(cli())


def _redirect(descriptor: int, file: str, flags: int) -> None:
    """Makes a standard stream of this process one of a file."""
    opened = os.open(file, flags)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    _serve()
