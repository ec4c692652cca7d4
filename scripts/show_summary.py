"""Print the segment summary of the demo warehouse and say where to look next."""

import os
import sys
from pathlib import Path

import duckdb

WAREHOUSE = Path(os.environ.get("SEGMENTATION_DATABASE", "segmentation.duckdb"))

SUMMARY = """
    select
        segment_id as id,
        segment_name as segment,
        customers,
        round(100 * customer_share, 1) as "customers %",
        revenue,
        round(100 * revenue_share, 1) as "revenue %",
        median_recency_days as "days since last order",
        median_frequency as orders,
        median_monetary as spend
    from segmentation__segment_summary
    where segmentation = 'rfm'
    order by segment_id desc
"""

NEXT = """
The tables are in {warehouse} (schema main). What to open next:
  segmentation__customer_segments    the segment of every customer, with its runner-up
  segmentation__segment_profiles     what the customers of each segment are like
  segmentation__k_search             how the number of segments was chosen, in words
  segmentation__rfm_scores           RFM scores and the named RFM segment of every customer
  segmentation__transaction_audit    what was rejected, why, and what it cost
Ready questions in SQL: analyses/. To use the package in your own project: README.md, Install.
"""


def main() -> int:
    """Print the summary table; 1 where there is no warehouse yet."""
    if not WAREHOUSE.exists():
        print(f"There is no {WAREHOUSE} yet: run `make demo`.", file=sys.stderr)
        return 1
    with duckdb.connect(str(WAREHOUSE), read_only=True) as connection:
        summary = connection.sql(SUMMARY).df()
    print(summary.to_string(index=False, float_format=lambda number: f"{number:,.2f}"))
    print(NEXT.format(warehouse=WAREHOUSE))
    return 0


if __name__ == "__main__":
    sys.exit(main())
