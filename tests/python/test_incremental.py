"""New lines alone are judged, and the tables are those of a full refresh, row by row.

Lines come in loads; each build reads the loads after those it knows. Whatever was delivered late or
twice, interrupted or configured anew, the tables are then compared with those of a full refresh.
"""

from typing import ClassVar

import duckdb
import pandas as pd
import pytest
from consumer import Consumer, faults
from shop_data import order_lines

TABLES = [
    "int_segmentation__lines",
    "segmentation__transactions",
    "segmentation__rejected_transactions",
    "segmentation__transaction_audit",
    "int_segmentation__order_days",
    "segmentation__orders",
    "segmentation__rfm",
    "segmentation__rfm_scores",
    "segmentation__rfm_history",
]
SELECTED = ["segmentation__settings", "segmentation.transactions", "segmentation.customers"]
INPUT = {
    "transactions": {"source": "raw", "table": "lines"},
    "incremental": {"loaded_at": "Loaded_At"},
    "latest_date": "2025-12-31",
}
INCREMENTAL = ["int_segmentation__lines", "int_segmentation__order_days", "segmentation__orders"]
REBUILT = "is rebuilt: "
# Of the history when a row was written says only which build wrote it.
NOT_COMPARED = {"rebuilt_at", "basis"}


def on(day: int, lines: pd.DataFrame) -> pd.DataFrame:
    """Gives the lines as they are loaded on a day."""
    return lines.assign(loaded_at=pd.Timestamp("2024-01-01 02:30:00.123456") + pd.Timedelta(days=day))


def without_history(output: str) -> str:
    """Gives the lines that dbt printed, but for those of the history, which follows the day."""
    return "\n".join(line for line in output.splitlines() if "history" not in line)


class Shop(Consumer):
    """A project whose lines are loaded bit by bit."""

    times: ClassVar[dict[str, list[tuple]]] = {}

    def deliver(self, lines: pd.DataFrame) -> None:
        """Adds lines to those that were loaded before."""
        with self.connect() as connection:
            connection.register("delivered", lines)
            connection.execute("insert into raw.lines by name select * from delivered")

    def run(self, *arguments: str, select: list[str] = SELECTED) -> str:
        """Runs the models and gives what dbt printed, but for the history, which follows the day."""
        done = self.dbt("run", "--select", *select, *arguments)
        assert done.exit_code == 0, done.output[-6000:]
        return without_history(done.output)

    def tables(self, names: list[str] = TABLES) -> dict[str, list[tuple]]:
        """Gives the rows of the tables, but for when they were built in full."""
        found = {}
        for name in names:
            hidden = NOT_COMPARED | ({"loaded_at"} if "history" in name else set())
            columns = sorted(set(self.query(f"from {name} limit 0")) - hidden)
            found[name] = self.rows(f"select {', '.join(columns)} from {name} order by all")
        return found

    def assert_as_in_full(self) -> dict[str, list[tuple]]:
        """Fails where a full refresh gives other rows; gives the rows."""
        found = self.tables()
        self.run("--full-refresh")
        for name, rows in self.tables().items():
            here, there = set(found[name]), set(rows)
            assert found[name] == rows, (
                name, len(found[name]), len(rows), list(here - there)[:5], list(there - here)[:5]
            )
        return found

    def rebuilt(self) -> list[str]:
        """Gives the tables whose rows say another time of their last full build than before."""
        times = {
            name: self.rows(f"select distinct rebuilt_at from {name}") for name in INCREMENTAL
        }
        before, self.times = self.times, times
        assert all(len(found) == 1 for found in times.values()), times
        return [name for name in INCREMENTAL if times[name] != before.get(name)]


@pytest.fixture(scope="module")
def quarters() -> list[pd.DataFrame]:
    """The shop's order lines by quarter, those without a readable date in the second."""
    lines = order_lines(customers=60)
    quarter = pd.to_datetime(lines["ordered_at"]).dt.quarter
    return [lines[quarter == number] for number in (1, 2, 3, 4)]


def in_columns(frame: pd.DataFrame, names: set[str]) -> pd.DataFrame:
    """Gives the rows in these columns alone, as text and in an order of their own."""
    names = sorted(names)
    return frame[names].astype(str).sort_values(names, ignore_index=True)


def variables(options: dict | None = None, **changed: object) -> dict[str, object]:
    """Gives the vars with changes to the input."""
    return {"segmentation_input": INPUT | changed, "segmentation_options": options or {}}


def test_late_and_repeated_loads_and_interrupted_builds(tmp_path, quarters):
    """Nothing is lost or counted twice, and what a killed build left is continued."""
    first, second, third, fourth = quarters
    late = second.sample(frac=0.1, random_state=2)
    unknown = first.head(3).assign(loaded_at=pd.NaT, product_id="UNKNOWN TIME")
    # The day stands, so that late lines alone change the past.
    day = {"as_of_date": "2025-01-15"}
    shop = Shop(
        tmp_path / "shop",
        variables(day, incremental=None),
        tables={"lines": pd.concat([on(0, first), unknown], ignore_index=True)},
    )
    shop.run()
    columns = {
        name: set(shop.query(f"select * from {name} limit 0")) for name in shop.package_relations()
    }
    assert not any({"loaded_at", "rebuilt_at", "input_hash"} & names for names in columns.values())

    # The var is set: the tables that stand are rebuilt by themselves.
    shop.configure(variables(day))
    assert shop.run().count(REBUILT) == 3
    assert shop.rebuilt() == INCREMENTAL

    # A load, delivered twice, with old lines among its own.
    new = pd.concat([second.drop(late.index), first.sample(40, random_state=1)])
    shop.deliver(on(1, new))
    shop.deliver(on(2, new))
    run = shop.dbt("build", "--select", *SELECTED, "--indirect-selection", "buildable")
    run.assert_clean()
    assert REBUILT not in run.output and shop.rebuilt() == []

    # Killed after the lines, with late lines in the load; then after the order days.
    shop.deliver(on(3, pd.concat([third, late])))
    shop.run(select=["int_segmentation__lines"])
    shop.deliver(on(4, pd.concat([third.tail(20), fourth.head(20)])))
    shop.run(select=["int_segmentation__lines", "int_segmentation__order_days"])
    shop.deliver(on(5, fourth))
    assert REBUILT not in shop.run()
    assert shop.rebuilt() == []
    shop.assert_as_in_full()
    assert shop.rebuilt() == INCREMENTAL

    # Another setting, and killed after the lines were judged again.
    shop.configure(variables(day, exclude="product_id = 'P05'"))
    assert "the settings of the input changed" in shop.run(select=["int_segmentation__lines"])
    assert shop.run().count(REBUILT) == 2
    assert shop.rebuilt() == INCREMENTAL
    rebuilt = {name: in_columns(shop.query(f"from {name}"), columns[name]) for name in TABLES}

    # Without the var the tables are plain ones again, of the same rows.
    shop.configure(variables(day, incremental=None, exclude="product_id = 'P05'"))
    shop.run()
    for name in TABLES:
        found = shop.query(f"from {name}")
        assert set(found) == columns[name], name
        pd.testing.assert_frame_equal(in_columns(found, columns[name]), rebuilt[name])


def test_a_line_id_tells_a_replay_from_a_second_sale(tmp_path, quarters):
    """With `keep`, equal lines are two sales, and a line_id that comes again is rejected."""
    lines = pd.concat(quarters[:2], ignore_index=True)
    lines["line_id"] = [f" L{number}" if number % 7 else None for number in range(len(lines))]
    good = lines[lines["customer_id"].notna() & lines["order_id"].notna()]
    sold = good[good["line_id"].notna() & ~good["quantity"].str.startswith(("-", "0"))]
    changed = sold.iloc[[3]].assign(quantity="77")
    nameless = good[good["line_id"].isna()].iloc[[0]]
    shop = Shop(
        tmp_path / "shop",
        variables(columns={"line_id": "line_id"}, duplicates="keep", returns="reject"),
        tables={"lines": on(0, lines)},
    )
    shop.run()
    kept = len(shop.tables()["segmentation__transactions"])

    equal = sold.iloc[[3]].assign(line_id="another")
    shop.deliver(on(1, pd.concat([equal, equal.assign(quantity="3"), changed, nameless])))
    # Returns are rejected, and one that comes again is a duplicate all the same.
    returned = good[good["line_id"].notna() & good["quantity"].str.startswith("-")]
    shop.deliver(on(2, returned))
    shop.run()
    # One of the two with the new id, and the line without any.
    found = shop.tables()
    assert len(found["segmentation__transactions"]) == kept + 2
    assert shop.rows(
        "select rejection_reason, count(*) from int_segmentation__lines "
        "where loaded_at > timestamp '2024-01-02 00:00:00' group by all order by all"
    ) == [("duplicate", 2 + len(returned)), (None, 2)]
    shop.assert_as_in_full()

    # Lines that come later, but say that they had come before, are missed, and the audit tells.
    shop.deliver(on(2, equal.assign(line_id="missed")))
    shop.deliver(equal.assign(line_id="missed too", loaded_at=pd.NaT))
    run = shop.dbt("build", "--select", *SELECTED, "--indirect-selection", "buildable")
    balance = "segmentation_balances_with_input_segmentation__transaction_audit_"
    assert [name.rsplit(".", 1)[0] for name in run.names("fail", "error")] == [balance]


def test_salt_and_erasure(tmp_path, quarters):
    """Stored lines have pseudonyms; another salt, or a stored customer's erasure, rebuilds."""
    first, second, third, _ = quarters
    options = {
        "pseudonymize": {"salt": {"source": "raw", "table": "salts"}},
        "erased_customers": {"source": "raw", "table": "erasures"},
    }
    shop = Shop(
        tmp_path / "shop",
        variables(options),
        tables={
            "lines": on(0, first),
            "salts": "select 'grain-of-salt-0f3c9a51' as salt",
            "erasures": "select 'nobody' as customer_id",
        },
    )
    shop.run()
    shop.rebuilt()
    erased = second["customer_id"].dropna().iloc[-1]
    stranger = (set(third["customer_id"].dropna()) - set(first["customer_id"])).pop()
    # Somebody of whom nothing is stored yet: the new lines are erased, and nothing is rebuilt.
    shop.load("erasures", f"select * from (values ('nobody'), ('{stranger}')) as ids(customer_id)")
    shop.deliver(on(1, pd.concat([second[second["customer_id"] != stranger], first.head(30)])))
    shop.deliver(on(2, third))
    assert REBUILT not in shop.run()
    assert shop.rebuilt() == []
    found = shop.assert_as_in_full()
    shop.rebuilt()
    # Of the erased nothing stays but money and when it was loaded.
    assert shop.rows(
        "select distinct customer_id, line_id_columns, loaded_at is not null from ("
        "select customer_id, coalesce(order_id, product_id, cast(ordered_at as varchar), "
        "cast(quantity as varchar), input_customer_id) as line_id_columns, loaded_at "
        "from int_segmentation__lines where rejection_reason = 'erased')"
    ) == [(None, None, True)]

    shop.load("salts", "select 'another-grain-of-salt' as salt")
    assert shop.run("--log-level-file", "debug").count(REBUILT) == 3
    assert shop.rebuilt() == INCREMENTAL
    ids = "select distinct customer_id from segmentation__orders order by 1"
    assert not set(shop.rows(ids)) & {row[:1] for row in found["segmentation__rfm"]}
    assert "another-grain" not in (shop.folder / "logs/dbt.log").read_text()
    before = len(shop.rows(ids))

    shop.load("erasures", f"select ' {erased}' as customer_id union all select '{stranger}'")
    assert "a customer of it is erased" in shop.run()
    assert shop.rebuilt() == INCREMENTAL
    assert len(shop.rows(ids)) == before - 1


def test_histories_change_for_customers_with_late_lines_alone(tmp_path, quarters):
    """Late lines, returns among them, give the past of a full refresh, and touch nobody else's."""
    first, second, third, fourth = quarters
    late = pd.concat([second.sample(frac=0.1, random_state=3), third.tail(5)])
    definitions = {"rfm": {"k": 3}}
    vars_ = variables({"as_of_date": "2025-01-15", "refit": "never"})
    shop = Shop(
        tmp_path / "shop",
        vars_ | {"segmentation_definitions": definitions},
        tables={"lines": on(0, pd.concat([first, second, third, fourth]).drop(late.index))},
    )
    histories = ["segmentation__rfm_history", "segmentation__segment_history"]
    compared = [*histories, "segmentation__segment_migrations"]
    everything = ["package:segmentation"]
    shop.run(select=everything)
    before = shop.tables(compared)
    shop.deliver(on(1, late))
    shop.run(select=everything)
    found = shop.tables(compared)
    assert all(found[name] != before[name] for name in compared)
    customers = late["customer_id"].dropna().nunique()
    for name in histories:
        [[touched, others]] = shop.rows(
            "select count(distinct case when loaded_at > timestamp '2024-01-02' then customer_id end), "
            f"count(distinct case when loaded_at < timestamp '2024-01-02' then customer_id end) from {name}"
        )
        assert 0 < touched <= customers and others > customers, name
    # Nothing new: nothing is written.
    shop.run(select=everything)
    assert shop.tables(compared) == found
    shop.run("--full-refresh", select=everything)
    assert shop.tables(compared) == found

    # Another period, and a condition by which late lines may take somebody out of the past.
    definitions["rfm"]["where"] = "monetary > 200"
    vars_["segmentation_options"] |= {"history": {"period": "quarter"}}
    shop.configure(vars_ | {"segmentation_definitions": definitions})
    shop.run(select=everything)
    shop.deliver(on(2, third.head(30).assign(quantity="-90")))
    shop.run(select=everything)
    found = shop.tables(compared)
    shop.run("--full-refresh", select=everything)
    assert shop.tables(compared) == found


def test_sums_of_customers_go_on_as_long_as_they_hold_the_same_days(tmp_path, quarters):
    """Only customers of new lines are summed anew, unless the as-of day cuts off other days."""
    first, second, third, fourth = quarters
    buyers = [name for name in first["customer_id"].dropna().unique() if name.strip()][:7]
    few, fewer = (second[second["customer_id"].isin(some)] for some in (buyers[:5], buyers[5:]))
    shop = Shop(
        tmp_path / "shop", variables(), tables={"lines": on(0, pd.concat([first, third]))}
    )
    summed = "select distinct basis from segmentation__rfm"
    # A mark on all customers: it stays on those who are not summed anew.
    mark = "update segmentation__rfm set returned_amount = returned_amount + 1000"
    marked = "select count(*) from segmentation__rfm where returned_amount >= 1000"
    unmark = (
        "update segmentation__rfm set returned_amount = returned_amount - 1000, return_rate = case "
        "when monetary + returned_amount > 1000 then cast(returned_amount - 1000 as double) "
        "/ cast(monetary + returned_amount - 1000 as double) end where returned_amount >= 1000"
    )
    shop.run()
    assert shop.rows(summed) == [("all order days",)]
    for day, lines in ((1, few), (2, fewer), (3, fourth.head(40))):
        customers = shop.rows("select count(*) from segmentation__rfm")[0][0]
        shop.deliver(on(day, lines))
        with shop.connect() as connection:
            connection.execute(mark)
        shop.run()
        assert customers - lines["customer_id"].nunique() <= shop.rows(marked)[0][0] < customers
        with shop.connect() as connection:
            connection.execute(unmark)
        shop.assert_as_in_full()
    for day, as_of_date in (("2024-08-15", "up to 2024-08-15"), ("2024-09-15", "up to 2024-09-15")):
        shop.configure(variables({"as_of_date": day}))
        shop.run()
        assert shop.rows(summed) == [(f"order days {as_of_date}",)]
        shop.assert_as_in_full()
    shop.deliver(on(4, pd.concat([second.tail(50), fourth.tail(20)])))
    shop.run()
    shop.assert_as_in_full()
    shop.configure(variables())
    shop.run()
    assert shop.rows(summed) == [("all order days",)]
    shop.assert_as_in_full()


def test_faults(tmp_path, quarters):
    """What cannot be right stops the build, and says why."""
    lines = on(0, quarters[0]).assign(batch=7)
    shop = Shop(tmp_path / "shop", variables(incremental={"loaded_at": "loaded"}), tables={"lines": lines})
    run = shop.dbt("run", "--select", *SELECTED)
    assert faults(run.message("int_segmentation__lines"))[0] == (
        "segmentation_input.incremental.loaded_at: no column 'loaded'; "
        "say incremental: null where there is none"
    )
    shop.configure(variables(incremental={"loaded_at": "batch"}))
    run = shop.dbt("run", "--select", *SELECTED)
    assert faults(run.message("int_segmentation__lines"))[0] == (
        "segmentation_input.incremental.loaded_at: column 'batch' is of kind integer; "
        "allowed: a timestamp, a date, or ISO text"
    )

    # From the top of dbt_project.yml: tables are only slower, another strategy would be wrong.
    shop.configure(variables())
    project = (shop.folder / "dbt_project.yml").read_text()
    shop.write("dbt_project.yml", project + "models: {+incremental_strategy: append}\n")
    run = shop.dbt("run", "--select", *SELECTED)
    found = faults(run.message("segmentation__settings"))
    assert [sentence.split(": ")[0] for sentence in found] == [
        "int_segmentation__order_days",
        "segmentation__orders",
        "segmentation__rfm_history",
        "segmentation__segment_history",
    ]
    assert "your dbt_project.yml makes its incremental_strategy append" in found[0]
    shop.write(
        "dbt_project.yml",
        project + "models: {segmentation: {transactions: {+materialized: table}}}\n",
    )
    shop.run()
    shop.rebuilt()
    shop.deliver(on(1, quarters[1]))
    run = shop.dbt("build", "--select", *SELECTED, "--indirect-selection", "buildable")
    assert without_history(run.assert_clean().output).count(REBUILT) == 2
    assert shop.rebuilt() == INCREMENTAL


def test_a_year_month_by_month(real_data, tmp_path):
    """UCI Online Retail, 5 % of its lines a month late and every load delivered twice."""
    # Every eighth customer, and as many of the orders without one.
    lines = duckdb.sql(
        f"""
        select *, date_diff('month', timestamp '2010-12-01', cast(InvoiceDate as timestamp))
            + cast(hash(InvoiceNo, StockCode, Quantity, Description) % 20 = 0 as integer) as month
        from read_csv('{real_data / "online_retail.csv.gz"}', header = true, all_varchar = true)
        where hash(coalesce(CustomerID, InvoiceNo)) % 8 = 0 and InvoiceDate < '2011-12-01'
        """
    ).df()
    loads = [on(10 * month, load) for month, load in lines.groupby("month")]
    assert len(loads) == 13 and len(lines) > 50_000
    shop = Shop(
        tmp_path / "shop",
        variables(
            columns={
                "customer_id": "CustomerID",
                "ordered_at": "InvoiceDate",
                "order_id": "InvoiceNo",
                "product_id": "StockCode",
                "quantity": "Quantity",
                "unit_price": "UnitPrice",
            }
        ),
        tables={"lines": loads[0]},
    )
    for month, load in enumerate(loads[:12]):
        if month:
            shop.deliver(load)
        # By turns the second delivery is there before the first one is read, and after.
        again = load.assign(loaded_at=load["loaded_at"] + pd.Timedelta(days=3))
        if month % 2:
            shop.deliver(again)
        if month == 11:
            shop.deliver(loads[12])
        assert REBUILT not in shop.run()
        if not month % 2:
            shop.deliver(again)
    shop.deliver(loads[12].assign(loaded_at=pd.Timestamp("2030-01-01")))
    shop.run()
    assert shop.rows("select count(*) from int_segmentation__lines") == [(2 * len(lines),)]
    shop.assert_as_in_full()
