"""What all tests share: the folder with the real data, and saying so where it is missing."""

import os
from pathlib import Path

import pytest

SKIPPED = (
    "REAL DATA TESTS WERE SKIPPED: set SEGMENTATION_DATA to the folder that holds "
    "online_retail.csv.gz to run them"
)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that SEGMENTATION_DATA names; skips the test where it is not set."""
    folder = os.environ.get("SEGMENTATION_DATA")
    if not folder:
        pytest.skip(SKIPPED)
    path = Path(folder).resolve()
    # Said but wrong is a mistake to be told of, no reason to skip.
    assert path.is_dir(), f"SEGMENTATION_DATA names no folder: {path}"
    return path


def pytest_terminal_summary(terminalreporter) -> None:
    """Says at the end, where nobody misses it, that the real data was not there."""
    if not os.environ.get("SEGMENTATION_DATA"):
        terminalreporter.write_sep("=", SKIPPED, yellow=True, bold=True)
