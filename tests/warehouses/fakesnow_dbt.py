"""Has dbt work on a Snowflake that is emulated in its process."""

import atexit
import contextlib

import fakesnow

emulation = contextlib.ExitStack()


def emulate(folder: str) -> None:
    """Has all connections of this process, to its end, go to an account whose tables are in a folder."""
    emulation.enter_context(fakesnow.patch(db_path=folder))
    atexit.register(emulation.close)
