"""What all tests share: the folder with the real data, and saying so where it is missing."""

import os
from pathlib import Path

import pytest

SKIPPED = (
    "REAL DATA TESTS WERE SKIPPED: set SEGMENTATION_DATA to the folder that holds "
    "online_retail.csv.gz to run them"
)

# Files that take more than some seconds, the longest first: so that no worker is left alone with one.
LONG_FILES = (
    "test_privacy",
    "test_incremental",
    "test_config_faults",
    "test_degenerate_transactions",
    "test_examples",
    "test_demo",
    "test_fit_sql",
    "test_degenerate_algorithms",
    "test_refits",
    "test_score_and_frozen",
    "test_hostile_input",
    "test_faults",
    "test_events",
    "test_golden_over_time",
    "test_degenerate_customers",
    "test_explanations",
    "test_schemes_and_options",
    "test_row_order",
    "test_scoring_parity",
    "test_hostile_values",
    "test_golden_online_retail",
    "test_gates",
    "test_history",
    "test_consumer_configured",
    "test_drift",
    "test_describe",
    "test_algorithms",
    "test_consumer_unconfigured",
    "test_unsupported_engine",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the long files first, all else as it is."""
    places = {name: place for place, name in enumerate(LONG_FILES)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))


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
