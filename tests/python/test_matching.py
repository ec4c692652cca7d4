"""Segments of a refit are matched to those of the last version with the least total distance."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from jinja2.sandbox import SandboxedEnvironment
from scipy.optimize import linear_sum_assignment

REPOSITORY = Path(__file__).resolve().parents[2]
MACRO = REPOSITORY / "macros" / "versions" / "least_total_assignment.sql"


class Returned(Exception):
    """What dbt's `return` gives, which ends a macro."""

    def __init__(self, value):
        self.value = value


def hand_back(value):
    """Stands in for dbt's `return`."""
    raise Returned(value)


@pytest.fixture(scope="module")
def assign():
    """The macro, as a function of a list of lists."""
    environment = SandboxedEnvironment(extensions=["jinja2.ext.do"])
    module = environment.from_string(
        MACRO.read_text(encoding="utf-8"), globals={"return": hand_back}
    ).module

    def call(costs):
        with pytest.raises(Returned) as returned:
            module.least_total_assignment(costs)
        return returned.value.value

    return call


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 3), (4, 4), (3, 5), (8, 8), (2, 12), (20, 25)])
def test_the_total_is_the_least_that_scipy_finds(assign, rows, columns):
    generator = np.random.default_rng(100 * rows + columns)
    for _ in range(20):
        costs = generator.lognormal(0, 2, size=(rows, columns))
        assigned = assign(costs.tolist())
        assert len(set(assigned)) == rows
        _, best = linear_sum_assignment(costs)
        assert costs[np.arange(rows), assigned].sum() == pytest.approx(
            costs[np.arange(rows), best].sum(), rel=1e-12
        )


def test_beside_a_huge_cost_the_others_still_count(assign):
    generator = np.random.default_rng(4)
    for huge in (1e16, 1e93):
        for _ in range(50):
            costs = generator.lognormal(0, 2, size=(4, 4))
            costs[:, 2] = huge
            whole = [[int(cost * 2**60) for cost in row] for row in costs.tolist()]
            least = min(
                sum(whole[row][column] for row, column in enumerate(columns))
                for columns in itertools.permutations(range(4))
            )
            assigned = assign(whole)
            assert sum(whole[row][column] for row, column in enumerate(assigned)) == least


def test_equal_costs_and_no_costs_have_an_answer(assign):
    assert sorted(assign([[1.0] * 4] * 4)) == [0, 1, 2, 3]
    assert assign([]) == []
    assert assign([[0.0, 0.0], [0.0, 1e9]]) == [1, 0]
