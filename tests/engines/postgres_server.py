"""A PostgreSQL server for a test: on loopback, a free port, with its data in a temporary directory."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

SERVER_ACCOUNT = "postgres"

# Nothing outlives the test, so nothing needs to outlive a power cut; all else is as installed.
SETTINGS = {"fsync": "off", "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}


def programs() -> Path | None:
    """Gives the folder with initdb and pg_ctl, none where there is none: Debian's is not on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    return Path(found).parent if found else None


class PostgresServer:
    """A server with a superuser `tester`, whose password is made anew; stopped by `stop`.

    PostgreSQL does not run as root: root starts it as the account that Debian's package has made.
    """

    user = "tester"

    def __init__(self) -> None:
        self.password = secrets.token_hex(16)
        self.folder = Path(tempfile.mkdtemp(prefix="segmentation_postgres_"))
        self._account = {"user": SERVER_ACCOUNT} if os.geteuid() == 0 else {}
        if self._account:
            shutil.chown(self.folder, SERVER_ACCOUNT)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self._account:
            shutil.chown(password_file, SERVER_ACCOUNT)
        self._run(
            "initdb",
            f"--username={self.user}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        """Starts the server and waits until it answers, after a crash too."""
        options = [f"-c {name}={value or chr(39) * 2}" for name, value in SETTINGS.items()]
        self._run(
            "pg_ctl",
            "start",
            "--wait",
            f"--log={self.folder / 'log'}",
            f"--options=-p {self.port} {' '.join(options)}",
        )

    def stop(self, mode: str = "fast") -> None:
        """Stops the server; `immediate` is a crash: no client is told, nothing is written."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}")

    def remove(self) -> None:
        """Stops the server, if it runs, and removes its data."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.stop("immediate")
        shutil.rmtree(self.folder)

    def connect(self, database: str = "postgres"):
        """Gives a connection that commits each statement."""
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            password=self.password,
            dbname=database,
        )
        connection.autocommit = True
        return connection

    def create_database(self, name: str, template: str | None = None) -> None:
        """Makes a database, as a copy of another one or empty: then its text sorts as in a dictionary.

        Sorted by bytes it would be as on DuckDB, and hide what hangs on the order.
        """
        source = template or "template0 locale_provider icu icu_locale 'en-US' locale 'C.UTF-8'"
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(f"create database {name} template {source}")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs() / program), f"--pgdata={self.folder / 'data'}", *arguments],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            cwd="/",
            **self._account,
        )
