"""Write synthetic order lines as Parquet, for the benchmark.

Every value is a hash of the line, order, customer or product number and the seed, never a random
draw, so the same arguments give the same lines (under one DuckDB version: its hash may change
between versions) and DuckDB can stream them: the memory does not grow with the number of lines.

    python benchmarks/generate_lines.py lines.parquet --lines 10000000
"""

import argparse
import os
from pathlib import Path

import duckdb

LINES_PER_CUSTOMER = 20
DEFAULT_LINES = 10_000_000
DEFAULT_SEED = 42

# A number in [0, 1) for an entity (a line, order, customer or product number) and a purpose. Hashed
# twice: DuckDB combines two hashes by xor, which alone would tie an entity's draws to each other.
DRAW_MACRO = """
create or replace temp macro draw(entity, purpose) as
    cast(hash(hash(entity, purpose || '{seed}')) >> 11 as double) / 9007199254740992.0
"""

LINES_SQL = """
with

source_lines as (

    -- about one line in 200 repeats the line before it, to the last column
    select
        case
            when line_number > 0 and draw(line_number, 'duplicate') < 0.005 then line_number - 1
            else line_number
        end as line_number

    from range({lines}) as numbers (line_number)

),

lines_with_order as (

    -- every 20 lines are four orders, of 1, 3, 5 and 11 lines: 5 on average
    select
        line_number,
        line_number // 20 * 4 + case
            when line_number % 20 < 1 then 0
            when line_number % 20 < 4 then 1
            when line_number % 20 < 9 then 2
            else 3
        end as order_number

    from source_lines

),

lines_with_customer as (

    -- the first orders go to one customer each (times a prime, to scatter them over the file), the
    -- others to few customers by a power law
    select
        line_number,
        order_number,
        case
            when order_number < {customers} then order_number * 7368787 % {customers}
            else cast(floor({customers} * power(draw(order_number, 'customer'), 2.5)) as bigint)
        end as customer_number

    from lines_with_order

),

lines_with_behavior as (

    -- planted groups: who has lapsed, who is new, who buys in bulk, and everybody else
    select
        line_number,
        order_number,
        customer_number,
        draw(customer_number, 'behavior') as behavior,
        cast(floor(4000 * power(draw(line_number, 'product'), 2)) as integer) as product_number

    from lines_with_customer

),

lines_with_factors as (

    -- basket sizes follow a power law over the customers; days count from the first of two years
    select
        line_number,
        order_number,
        customer_number,
        product_number,
        case
            when behavior < 0.25 then 0
            when behavior < 0.40 then 640
            else 0
        end as first_day,
        case
            when behavior < 0.25 then 300
            when behavior < 0.40 then 91
            else 731
        end as active_days,
        case when behavior >= 0.85 then 8 else 1 end
            * least(100, power(1 - draw(customer_number, 'basket'), -0.5)) as basket_factor

    from lines_with_behavior

),

final as (

    select
        order_number + 500000 as order_id,
        case
            when draw(order_number, 'missing customer') >= 0.03 then customer_number + 10000
        end as customer_id,
        timestamp '2024-01-01' + to_seconds(
            first_day * 86400
            + cast(floor(draw(order_number, 'time') * active_days * 86400) as bigint)
        ) as ordered_at,
        'P' || lpad(cast(product_number as varchar), 5, '0') as product_id,
        cast(
            case when draw(line_number, 'return') < 0.02 then -1 else 1 end
            * ceil(6 * draw(line_number, 'quantity') * basket_factor + 0.001)
            as integer
        ) as quantity,
        case
            when draw(line_number, 'price') < 0.002 then 0
            else round(0.5 + exp(4 * draw(product_number, 'price')), 2)
        end as unit_price

    from lines_with_factors

)

select * from final
"""


def generate_lines(path, lines=DEFAULT_LINES, customers=None, seed=DEFAULT_SEED):
    """Write `lines` order lines of about `customers` customers to the Parquet file `path`.

    There is one customer for every 20 lines where `customers` is None. About 3 % of the orders have
    no customer, 2 % of the lines are returns, 0.5 % exact duplicates and 0.2 % have no price; they
    spread over two years, 2024 and 2025. The file appears only when it is complete.
    """
    customers = customers or max(1, lines // LINES_PER_CUSTOMER)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    lines_sql = LINES_SQL.format(lines=int(lines), customers=int(customers))
    with duckdb.connect() as connection:
        connection.execute(DRAW_MACRO.format(seed=int(seed)))
        connection.execute(f"copy ({lines_sql}) to '{unfinished}' (format parquet)")
    os.replace(unfinished, path)


def main():
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", help="the Parquet file to write")
    parser.add_argument("--lines", type=int, default=DEFAULT_LINES)
    parser.add_argument("--customers", type=int, help="default: one for every 20 lines")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    arguments = parser.parse_args()
    generate_lines(arguments.path, arguments.lines, arguments.customers, arguments.seed)


if __name__ == "__main__":
    main()
