"""Runs dbt on a Snowflake that is emulated in this process, its tables in files of a folder.

python fakesnow_dbt.py <folder> <arguments of dbt>
"""

import sys

import fakesnow
from dbt.cli.main import cli

if __name__ == "__main__":
    folder, *arguments = sys.argv[1:]
    sys.argv = ["dbt", *arguments]
    with fakesnow.patch(db_path=folder):
        cli()
