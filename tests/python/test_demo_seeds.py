"""The demo seeds are what their generator writes, of the promised size, every fault in them."""

import csv
import importlib.util
import io
import sys
from collections import Counter, defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SEEDS = REPOSITORY / "seeds"
LINES_SEED = SEEDS / "segmentation_demo__order_lines.csv"
CUSTOMERS_SEED = SEEDS / "segmentation_demo__customers.csv"

# The reason, the columns that a fault of this kind shows in, and how many spellings of it at least.
FAULTS = [
    ("missing_customer", ["customer_id"], 3),
    ("missing_order", ["order_id"], 3),
    ("unreadable_date", ["ordered_at"], 10),
    ("date_out_of_range", ["ordered_at"], 8),
    ("unreadable_number", ["quantity", "unit_price"], 15),
    ("excluded", ["product_id"], 3),
    ("non_positive_price", ["unit_price"], 5),
    ("zero_quantity", ["quantity"], 5),
    ("duplicate", ["order_id"], 5),
]
MAPPED_COLUMNS = [
    "customer_id",
    "ordered_at",
    "order_id",
    "product_id",
    "quantity",
    "unit_price",
]


@pytest.fixture(scope="module")
def generator():
    """The generator, loaded by its path: scripts/ is no Python package."""
    path = REPOSITORY / "scripts" / "generate_demo.py"
    spec = importlib.util.spec_from_file_location("generate_demo", path)
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their module up by name
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV as dicts of text; an empty field is an empty text."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


@pytest.fixture(scope="module")
def lines():
    """The order lines, as dicts of text."""
    return read_rows(LINES_SEED)


@pytest.fixture(scope="module")
def customers():
    """The customers and their planted groups, as dicts of text."""
    return read_rows(CUSTOMERS_SEED)


@pytest.fixture(scope="module")
def good_lines(lines):
    """The lines without a planted fault."""
    return [line for line in lines if not line["planted_reason"]]


def test_regenerating_gives_the_committed_bytes(generator):
    files = generator.build_files()
    assert set(files) == {LINES_SEED.name, CUSTOMERS_SEED.name}
    for name, content in files.items():
        assert content == (SEEDS / name).read_bytes(), f"{name}: run scripts/generate_demo.py"


def test_regenerating_in_one_process_gives_the_same_again(generator):
    assert generator.build_files() == generator.build_files()


def test_sizes(lines, good_lines, customers):
    assert LINES_SEED.stat().st_size < 1_000_000
    assert 3_000 <= len({line["order_id"].strip() for line in good_lines}) <= 5_000
    assert 500 <= len(customers) <= 700
    assert 0.02 <= 1 - len(good_lines) / len(lines) <= 0.03


def test_four_groups_none_of_them_small(customers):
    sizes = Counter(customer["planted_group"] for customer in customers)
    assert set(sizes) == {"loyal", "new", "lapsed", "one_time"}
    assert min(sizes.values()) >= 0.08 * len(customers)


def test_no_other_fault_is_planted(lines):
    assert {line["planted_reason"] for line in lines} == {"", *(reason for reason, _, _ in FAULTS)}


@pytest.mark.parametrize(("reason", "columns", "spellings"), FAULTS)
def test_every_fault_is_planted_in_several_spellings(lines, reason, columns, spellings):
    faulty = [line for line in lines if line["planted_reason"] == reason]
    assert len(faulty) >= 5
    assert len({tuple(line[column] for column in columns) for line in faulty}) >= spellings


def test_good_lines_are_readable_and_in_range(good_lines):
    for line in good_lines:
        assert line["customer_id"].strip() and line["order_id"].strip()
        moment = datetime.fromisoformat(line["ordered_at"])
        assert date(2024, 1, 1) <= moment.date() <= date(2025, 12, 31)
        assert Decimal(line["quantity"].strip()) != 0
        assert Decimal(line["unit_price"].strip()) > 0


def test_good_lines_are_ordered_by_day(good_lines):
    days = [datetime.fromisoformat(line["ordered_at"]).date() for line in good_lines]
    assert days == sorted(days)


def test_of_equal_lines_one_is_good_and_the_others_are_duplicates(lines):
    copies = defaultdict(list)
    for line in lines:
        if line["planted_reason"] in ("", "duplicate"):
            key = tuple(line[column].strip() for column in MAPPED_COLUMNS)
            copies[key].append(line["planted_reason"])
    for reasons in copies.values():
        assert sorted(reasons) == [""] + ["duplicate"] * (len(reasons) - 1)
    assert max(len(reasons) for reasons in copies.values()) == 3


def test_every_customer_with_a_purchase_has_a_group_and_no_other(good_lines, customers):
    buyers = {
        line["customer_id"].strip() for line in good_lines if Decimal(line["quantity"].strip()) > 0
    }
    assert sorted(buyers) == sorted(customer["customer_id"] for customer in customers)


def test_customers_without_a_purchase(lines, good_lines, customers):
    named = {line["customer_id"].strip() for line in lines} - {""}
    kept = {line["customer_id"].strip() for line in good_lines}
    buyers = {customer["customer_id"] for customer in customers}
    assert len(named - kept) == 1, "one customer has no good line"
    assert len(kept - buyers) == 1, "one customer has returns alone"


def test_awkward_text_is_present(lines, customers):
    customer_ids = {customer["customer_id"] for customer in customers}
    assert {"ab-17", "AB-17", "Zoë-0042", "O'Brien-0019", "王芳-0131"} <= customer_ids
    assert any(line["customer_id"] != line["customer_id"].strip() for line in lines)
    assert any('"' in line["description"] and "," in line["description"] for line in lines)


def test_returns_are_kept_whether_cancelled_or_booked_as_an_order(good_lines):
    returns = [line for line in good_lines if Decimal(line["quantity"].strip()) < 0]
    cancelled = [line for line in returns if line["order_id"].startswith("C")]
    assert 50 < len(cancelled) < len(returns)
