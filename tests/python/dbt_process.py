"""Runs dbt, a process for each command, without the two seconds in which a command imports.

Imported, it offers `run`. As a script with arguments it is one command; as one without, the server
behind `run`, one for each process of pytest: it has imported dbt, DuckDB, pandas and scikit-learn,
opened nothing with them, and forks for each command. The child takes the command's folder,
environment and files of output, does what the script `dbt` does, and ends. So no command sees what
another left in memory, and one that is killed takes nothing with it. The server ends with whom it
serves, since its standard input ends then.

A command without: 2 s of imports, 1 s in which dbt prepares its classes, 1 s to tidy up.

The package is the same in each command, and reading its Jinja and checking its properties is half of
one's time. So a command tells the server what it was the first to read and to find valid, and the next
ones find that done.
"""

import atexit
import contextlib
import functools
import gc
import hashlib
import importlib
import inspect
import json
import marshal
import os
import pickle
import re
import subprocess
import sys
import tempfile
import time
from collections import ChainMap
from collections.abc import MutableMapping
from pathlib import Path
from types import CodeType
from typing import Any

# Read when libraries are loaded, so the same for all commands: numbers that do not depend on the
# machine, and no thread in the server, which a fork would lose.
LOADED_WITH = {"OMP_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}

# What a command imports, as far as it takes time.
LOADED = (
    "dbt.adapters.duckdb",
    "dbt.cli.main",
    "dbt.task.build",
    "metricflow_semantics.model",
    "pandas",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.cluster",
    "sklearn.metrics",
    "sklearn.mixture",
    "sklearn.tree",
)
# Classes of dbt of which a command reads some.
READ_BY_DBT = {
    "dbt.adapters.duckdb.credentials": ["DuckDBCredentials"],
    "dbt.contracts.project": ["Configuration", "PackageConfig", "Project", "ProjectFlags"],
    "dbt.contracts.graph.nodes": ["AnalysisNode", "GenericTestNode", "ModelNode", "SeedNode"],
    "dbt.contracts.graph.unparsed": [
        "UnparsedAnalysisUpdate",
        "UnparsedModelUpdate",
        "UnparsedNodeUpdate",
        "UnparsedSourceDefinition",
        "UnparsedUnitTest",
    ],
    "dbt.artifacts.resources": [
        "ModelConfig",
        "NodeConfig",
        "SeedConfig",
        "SourceConfig",
        "TestConfig",
    ],
}

_exit_code = 0
# Of templates that were read: (whether they give values of Python, text) -> code, and text -> tree.
_compiled: dict[tuple[bool, str], CodeType] = {}
_parsed: dict[str, Any] = {}
# (text, names of blocks, whether what is between them is asked for) -> its blocks.
_blocks: dict[tuple[str, frozenset, bool], bytes] = {}
# YAML text -> what it says.
_yaml: dict[str, bytes] = {}
# What was found valid, by class and data, in the order in which it was.
_valid: dict[bytes, None] = {}


def run(
    arguments: list[str],
    folder: Path,
    environment: dict[str, str],
    before: tuple[Path, str, list[Any]] | None = None,
) -> subprocess.CompletedProcess:
    """Runs dbt with these arguments in a folder; gives what `subprocess.run` would, in bytes.

    environment  the whole of it, but for the variables above; with PYTHONHASHSEED, which Python
                 reads as it starts, the command starts one
    before       what the command calls first: a Python file, a function in it, and its arguments
    """
    if "PYTHONHASHSEED" in environment:
        return subprocess.run(
            [sys.executable, "-P", __file__, *arguments],
            cwd=folder,
            env=environment | LOADED_WITH,
            capture_output=True,
            check=False,
        )
    server = _server()
    with tempfile.TemporaryDirectory() as files:
        output, errors = Path(files, "output"), Path(files, "errors")
        command = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": environment | LOADED_WITH,
            "files": [str(output), str(errors)],
            "before": before and [str(before[0]), *before[1:]],
            "findings": str(Path(files, "findings")),
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
    """Does what every command would do first and alike, and has nothing to do with its project."""
    from dbt_common.dataclass_schema import dbtMashConfig

    # dbt writes functions to read and write each of its classes: here as it defines them, in a
    # command when it first needs them, half a second long
    dbtMashConfig.lazy_compilation = False
    for module in LOADED:
        importlib.import_module(module)
    # it works out the JSON schema of each of its classes when it first reads one, for 40 ms
    for module, names in READ_BY_DBT.items():
        for name in names:
            getattr(sys.modules[module], name).json_schema()
    dbtMashConfig.lazy_compilation = True  # of adapters that are loaded later
    # ... and asks Python who called it: that goes through all modules, once
    inspect.stack()
    spare_repeated_work()
    # what is there stays, so the collector of the children need not look at it
    gc.collect()
    gc.freeze()


@functools.cache
def spare_repeated_work() -> None:
    """Has dbt do once what it does over and over with the same result; results stay as they are."""
    _read_templates_once()
    _split_files_once()
    _read_properties_once()
    _check_once()
    _look_for_secrets_once()
    _list_arguments_once()
    _make_type_testers_once()
    _leave_out_what_nobody_logs()
    _make_environments_once()
    _find_macros_at_once()
    _put_ephemeral_models_after_with()
    _write_manifest_once()
    _write_json_at_once()


def _read_templates_once() -> None:
    """Takes templates as they were read before; what a template gives is still worked out."""
    import jinja2
    from dbt_common.clients import jinja

    environment = jinja.MacroFuzzEnvironment
    compile_template, parse_template = environment.compile, environment.parse

    def compile_once(self, source, *arguments, **keywords):
        key = (isinstance(self, jinja.NativeSandboxEnvironment), source)
        if arguments or keywords or not isinstance(source, str):
            return compile_template(self, source, *arguments, **keywords)
        if key not in _compiled:
            _compiled[key] = compile_template(self, source)
        return _compiled[key]

    def parse_once(self, source, *arguments, **keywords):
        if arguments or keywords:
            return parse_template(self, source, *arguments, **keywords)
        if source not in _parsed:
            _parsed[source] = parse_template(self, source)
        return _parsed[source]

    template = jinja2.nodes.Template
    find_all = template.find_all

    def find_once(self, node_type):
        found = self.__dict__.setdefault("found", {})
        if node_type not in found:
            found[node_type] = list(find_all(self, node_type))
        return iter(found[node_type])

    environment.compile, environment.parse = compile_once, parse_once
    template.find_all = find_once
    # A template of text looks up the macros that it calls; one of a value would make all of them.
    jinja.NativeSandboxTemplate.new_context = jinja.MacroFuzzTemplate.new_context


def _split_files_once() -> None:
    """Takes the blocks of a file as they were found before, unless there was something to warn of."""
    from dbt.parser import search
    from dbt_common.clients import jinja

    split = jinja.extract_toplevel_blocks

    def split_once(text, allowed_blocks=None, collect_raw_data=True, warning_callback=None):
        key = (text, frozenset(allowed_blocks or ()), collect_raw_data)
        if key in _blocks:
            return pickle.loads(_blocks[key])
        warnings = []
        blocks = split(text, allowed_blocks, collect_raw_data, warnings.append)
        for warning in warnings:
            warning_callback(warning)
        if not warnings:
            _blocks[key] = pickle.dumps(blocks)
        return blocks

    jinja.extract_toplevel_blocks = search.extract_toplevel_blocks = split_once


def _read_properties_once() -> None:
    """Takes YAML as it was read before; what was found wrong with it is looked for anew."""
    from dbt.clients import checked_load
    from dbt.parser import schemas

    load = checked_load.checked_load

    def load_once(text):
        if text in _yaml:
            return marshal.loads(_yaml[text]), []
        data, failures = load(text)
        with contextlib.suppress(ValueError):  # of dates, say
            if not failures:
                _yaml[text] = marshal.dumps(data)
        return data, failures

    schemas.checked_load = load_once


def _check_once() -> None:
    """Checks data against the schema of its class only where the same was not found valid before."""
    from dbt_common.dataclass_schema import dbtClassMixin

    validate = dbtClassMixin.validate.__func__

    def validate_once(cls, data):
        same = data
        if isinstance(data, dict) and isinstance(data.get("created_at"), float):
            same = data | {"created_at": 0.0}  # when dbt made a node is a number, whatever it is
        said = f"{cls.__module__}.{cls.__qualname__} {same!r}"
        key = hashlib.sha256(said.encode(errors="surrogatepass")).digest()
        if key not in _valid:
            validate(cls, data)
            _valid[key] = None

    dbtClassMixin.validate = classmethod(validate_once)


def _look_for_secrets_once() -> None:
    """Looks for secrets in the environment once a command, not for each error and event that dbt makes."""
    from dbt_common.events import functions
    from dbt_common.exceptions import base

    base.env_secrets = functions.env_secrets = functools.cache(base.env_secrets)


def _list_arguments_once() -> None:
    """Lists the arguments and flags of a command once, not for each context of its templates."""
    from dbt import flags
    from dbt.context import providers

    list_arguments, list_flags = providers.args_to_dict, flags.get_flag_obj
    # The flags of a command, kept since others could have the same id later, and what was listed.
    known = {}

    def list_once(listed, *given):
        key = (listed, *map(id, given), id(flags.get_flags()))
        if key not in known:
            known[key] = (listed(*given), given, flags.get_flags())
        return known[key][0]

    providers.args_to_dict = lambda arguments: dict(list_once(list_arguments, arguments))
    flags.get_flag_obj = lambda: list_once(list_flags)


def _make_type_testers_once() -> None:
    """Keeps what tells the types of a result's columns, which dbt makes anew for each result."""
    from agate import TypeTester
    from dbt_common.clients import agate_helper

    build = functools.cache(agate_helper.build_type_tester)

    def build_once(text_columns, **keywords):
        return build(tuple(text_columns), **keywords)

    agate_helper.build_type_tester = build_once
    usual_types = TypeTester()._possible_types
    TypeTester.__init__ = functools.partialmethod(TypeTester.__init__, types=usual_types)


def _leave_out_what_nobody_logs() -> None:
    """Drops an event for the debug log, where none is kept, before dbt makes a message of it.

    dbt has a callback of its own for all events, which looks at warnings alone.
    """
    from dbt_common.events.base_types import BaseEvent, EventLevel
    from dbt_common.events.event_manager import EventManager

    fire, make_message = EventManager.fire_event, BaseEvent.__init__

    def fire_if_logged(self, e, level=None, *arguments, **keywords):
        is_logged = any(logger.level == EventLevel.DEBUG for logger in self.loggers)
        if is_logged or (level or e.level_tag()) != EventLevel.DEBUG:
            fire(self, e, level, *arguments, **keywords)

    def keep_what_it_says(self, *arguments, **keywords):
        self.__dict__["said"] = arguments, keywords

    def message(self):
        if "message of it" not in self.__dict__:
            arguments, keywords = self.__dict__["said"]
            make_message(self, *arguments, **keywords)
        return self.__dict__["message of it"]

    def set_message(self, made):
        self.__dict__["message of it"] = made

    EventManager.fire_event = fire_if_logged
    BaseEvent.__init__ = keep_what_it_says
    BaseEvent.pb_msg = property(message, set_message)


def _make_environments_once() -> None:
    """Keeps the environments of templates that know nothing of their node."""
    from dbt.clients import jinja_static
    from dbt_common.clients import jinja

    make = jinja.get_environment
    make_for_all = functools.cache(functools.partial(make, None))

    def get_once(node=None, capture_macros=False, native=False):
        if node is None or not capture_macros:
            return make_for_all(capture_macros, native)
        return make(node, capture_macros, native)

    jinja.get_environment = jinja_static.get_environment = get_once


def _find_macros_at_once() -> None:
    """Finds a name in chained namespaces without an error for each in which it is not."""
    from dbt.context import macros

    def contains(self, name):
        for names in self.maps:
            if name in names:
                return True
        return False

    def get_item(self, name):
        for names in self.maps:
            if name in names:
                return names[name]
        return self.__missing__(name)

    ChainMap.__contains__, ChainMap.__getitem__ = contains, get_item
    macros.MutableMapping = MutableMapping  # that of typing says the same after a long look


def _put_ephemeral_models_after_with() -> None:
    """Puts ephemeral models into a query that begins with its own CTEs, without a look at all of its words."""
    from dbt import compilation

    inject = compilation.inject_ctes_into_sql
    beginning = re.compile(r"(?:\s|--[^\n]*\n)*with\s+(?!recursive\b)", re.IGNORECASE)

    def inject_after_with(sql, ctes):
        found = beginning.match(sql)
        if not ctes or not found or ";" in sql:
            return inject(sql, ctes)
        return sql[: found.end()] + ", ".join(cte.sql for cte in ctes) + ", " + sql[found.end() :]

    compilation.inject_ctes_into_sql = inject_after_with


def _write_manifest_once() -> None:
    """Writes the manifest at the end of a command that would write it at its start as well."""
    from dbt.flags import get_flags
    from dbt.parser import manifest

    write = manifest.write_manifest

    def write_at_the_end(*arguments, **keywords):
        if get_flags().WHICH not in ("build", "run", "test"):
            write(*arguments, **keywords)

    manifest.write_manifest = write_at_the_end


def _write_json_at_once() -> None:
    """Makes a file's whole text by Python's fast encoder, where dbt asks for a piece at a time."""
    from types import SimpleNamespace

    from dbt_common.clients import system

    def dump(data, file, **keywords):
        file.write(json.dumps(data, **keywords))

    system.json = SimpleNamespace(load=json.load, dump=dump)


def _findings() -> list[list]:
    """Gives all that is known of templates and of valid data, what was found last at the end."""
    return [list(_compiled.items()), list(_parsed), list(_blocks.items()), list(_yaml.items()), list(_valid)]


def _tell(file: Path, known: list[int]) -> None:
    """Writes what this command was the first to find out: all beyond the numbers that were known."""
    new = [found[number:] for found, number in zip(_findings(), known, strict=True)]
    file.write_bytes(marshal.dumps(new))


def _learn(file: Path) -> None:
    """Takes over what a command told; a killed one tells nothing."""
    import jinja2
    from dbt_common.clients import jinja

    if file.exists():
        compiled, parsed, blocks, yaml, valid = marshal.loads(file.read_bytes())
        _compiled.update(compiled)
        for source in parsed:
            jinja.parse(source).find_all(jinja2.nodes.Call)  # what it calls is kept with it
        _blocks.update(blocks)
        _yaml.update(yaml)
        _valid.update(dict.fromkeys(valid))
        gc.freeze()


def _serve() -> None:
    """Answers each command, a line of JSON, with its exit code, until there are no more."""
    commands, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    _redirect(0, os.devnull, os.O_RDONLY)
    _redirect(1, os.devnull, os.O_WRONLY)
    atexit.register(_end)  # the first to be registered is the last to be called
    _load()
    for line in commands:
        command = json.loads(line)
        findings = Path(command.pop("findings"))
        child = os.fork()
        if child == 0:
            commands.close()
            answers.close()
            atexit.register(_tell, findings, [len(found) for found in _findings()])
            _become(**command)
        _, status = os.waitpid(child, 0)
        _learn(findings)
        print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def _become(
    arguments: list[str],
    folder: str,
    environment: dict[str, str],
    files: list[str],
    before: tuple[str, str, list[Any]] | None,
) -> None:
    """Makes this process the command: never returns."""
    import numpy
    from dbt.cli.main import cli
    from dbt_common.exceptions import base as exceptions

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    numpy.random.seed()  # random does so by itself
    exceptions.env_secrets.cache_clear()
    for descriptor, file in enumerate(files, start=1):
        _redirect(descriptor, file, os.O_WRONLY | os.O_CREAT)
    sys.argv = ["dbt", *arguments]
    global _exit_code
    _exit_code = 1
    if before:
        file, function, given = before
        sys.path.append(str(Path(file).parent))
        getattr(importlib.import_module(Path(file).stem), function)(*given)
    try:
        sys.exit(cli())
    except SystemExit as end:
        _exit_code = end.code or 0
        raise


def _end() -> None:
    """Ends the process where Python would free all objects one by one, for more than a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_exit_code)


def _redirect(descriptor: int, file: str, flags: int) -> None:
    """Makes a standard stream of this process one of a file."""
    opened = os.open(file, flags)
    os.dup2(opened, descriptor)
    os.close(opened)


if __name__ == "__main__":
    if sys.argv[1:]:
        from dbt.cli.main import cli

        spare_repeated_work()
        sys.argv[0] = "dbt"
        cli()
    else:
        _serve()
