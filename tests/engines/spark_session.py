"""Apache Spark for a test, in this process: its tables in a temporary directory, nothing listening but on loopback.

dbt-spark's session method takes the session that is there, so dbt runs in this process too. Data is
small, and most of the time goes into plans: the settings spare those, not the data.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pyspark.sql import SparkSession

SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "2g",
    # Each sort and each hash table of each task begins with a page, of 32 MB unless it is said.
    "spark.buffer.pageSize": "1m",
    "spark.default.parallelism": "2",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.hadoop.datanucleus.schema.autoCreateAll": "true",
    "spark.hadoop.hive.metastore.schema.verification": "false",
    "spark.sql.catalogImplementation": "hive",
}
# What small data does without: another plan after each stage, and filters that follow from others.
PLANNED_ONCE = {"spark.sql.adaptive.enabled": "false", "spark.sql.constraintPropagation.enabled": "false"}
# What one process does without: a second task for half of the data, a class for each stage, and Hive,
# of whose format tables are where nobody says another.
ONE_PROCESS = {
    "spark.sql.shuffle.partitions": "1",
    "spark.default.parallelism": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.legacy.createHiveTableByDefault": "false",
}
# Plans and generated classes are much code: where its store is full, Java throws out what it compiled,
# and where that of classes is, it looks through all memory first.
JAVA_OPTIONS = "-Duser.timezone=UTC -XX:ReservedCodeCacheSize=512m -XX:MetaspaceSize=512m -Xmn512m"
# What a short life does without: the second compiler.
SHORT_LIFE = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"


def has_java() -> bool:
    """Says whether there is a Java to run Spark on."""
    return bool(os.environ.get("JAVA_HOME") or shutil.which("java"))


class Spark:
    """A session with its catalog in memory; stopped by `stop`.

    master     local[2], or the address of a master
    settings   further settings of Spark
    is_short   whether it will have little to do
    """

    def __init__(
        self,
        master: str = "local[2]",
        settings: dict[str, str] | None = None,
        is_short: bool = True,
    ) -> None:
        # Timestamps come to Python in the zone of the process.
        os.environ["TZ"] = "UTC"
        time.tzset()
        self.folder = Path(tempfile.mkdtemp(prefix="segmentation_spark_"))
        metastore = f"jdbc:derby:memory:{self.folder.name};create=true"
        builder = SparkSession.builder.master(master)
        for key, value in (SETTINGS | (settings or {})).items():
            builder.config(key, value)
        builder.config("spark.sql.warehouse.dir", str(self.folder / "warehouse"))
        builder.config("spark.hadoop.javax.jdo.option.ConnectionURL", metastore)
        java = f"{JAVA_OPTIONS} {SHORT_LIFE if is_short else ''}"
        builder.config("spark.driver.extraJavaOptions", f"{java} -Dderby.system.home={self.folder}")
        builder.config("spark.executor.extraJavaOptions", java)
        self.session = builder.getOrCreate()
        self.session.sparkContext.setLogLevel("ERROR")

    def stop(self) -> None:
        """Stops the session and removes its tables."""
        self.session.stop()
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def standalone_cluster(workers: int = 2):
    """Runs a master and workers on loopback, each a process; gives the master's address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = f"spark://127.0.0.1:{port}"
    where = ["--host", "127.0.0.1"]
    size = ["--cores", "1", "--memory", "1g"]
    processes = [_start("master.Master", *where, "--port", port, "--webui-port", "0")]
    try:
        processes += [
            _start("worker.Worker", *where, *size, "--webui-port", "0", address) for _ in range(workers)
        ]
        yield address
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _start(name: str, *arguments: str) -> subprocess.Popen:
    import pyspark

    return subprocess.Popen(
        [str(Path(pyspark.__file__).parent / "bin/spark-class"), f"org.apache.spark.deploy.{name}", *arguments],
        env=os.environ
        | {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            "SPARK_DAEMON_MEMORY": "512m",
            "SPARK_DAEMON_JAVA_OPTS": SHORT_LIFE,
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
