"""Synthetic order lines of a small shop, good lines and bad ones, for generated projects."""

import numpy as np
import pandas as pd


def order_lines(customers: int = 240, seed: int = 7) -> pd.DataFrame:
    """Gives text columns customer_id, ordered_at, order_id, product_id, quantity, unit_price.

    Customers come in three kinds: many recent orders, few old ones, one recent one. About one
    line in forty has a fault, one in thirty is a return.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for number in range(customers):
        orders, first_day, price = [(12, 0, 40.0), (3, 0, 15.0), (1, 300, 4.0)][number % 3]
        for order in range(int(generator.integers(1, orders + 1))):
            span = 360 if number % 3 != 1 else 120
            day = int(generator.integers(first_day, max(span, first_day + 1)))
            date = pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
            for _ in range(int(generator.integers(1, 4))):
                quantity = int(generator.integers(1, 9))
                if generator.random() < 1 / 30:
                    quantity = -quantity
                rows.append(
                    {
                        "customer_id": str(10_000 + number),
                        "ordered_at": date.strftime("%Y-%m-%d"),
                        "order_id": str(1_000_000 + 100 * number + order),
                        "product_id": f"P{int(generator.integers(1, 30)):02d}",
                        "quantity": str(quantity),
                        "unit_price": f"{price * generator.lognormal(0, 0.4):.2f}",
                    }
                )
    lines = pd.DataFrame(rows)
    faulty = generator.choice(len(lines), size=len(lines) // 40, replace=False)
    for position, (column, value) in zip(
        faulty,
        [
            ("customer_id", None),
            ("unit_price", "0.00"),
            ("quantity", "0"),
            ("ordered_at", "1969-07-20"),
            ("order_id", None),
        ]
        * len(faulty),
        strict=False,
    ):
        lines.loc[position, column] = value
    return pd.concat([lines, lines.iloc[:5]], ignore_index=True)
