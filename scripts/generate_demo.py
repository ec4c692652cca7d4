"""Write the demo data: the order lines of an invented homeware and stationery shop.

    python scripts/generate_demo.py

rewrites two seeds, byte for byte the same on every run:

- segmentation_demo__order_lines.csv: one row per order line as a shop's export gives it, faults
  included. `planted_reason` is the rejection_reason that the line deserves, empty for a good line.
- segmentation_demo__customers.csv: every customer with a purchase and the planted group it was
  drawn from. Faulty lines are always extra lines, so no fault changes what a customer bought.

Only `random.Random.random` is drawn from: Python keeps its sequence across versions, which it
does not promise for the other methods, nor numpy for any.
"""

import csv
import io
import math
import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import NormalDist

SEED = 2718
SEEDS_FOLDER = Path(__file__).resolve().parents[1] / "seeds"
ORDER_LINES_FILE = "segmentation_demo__order_lines.csv"
CUSTOMERS_FILE = "segmentation_demo__customers.csv"

ORDER_LINE_COLUMNS = [
    "order_id",
    "customer_id",
    "ordered_at",
    "product_id",
    "description",
    "quantity",
    "unit_price",
    "country",
    "planted_reason",
]
CUSTOMER_COLUMNS = ["customer_id", "planted_group"]

FIRST_DATE = date(2024, 1, 1)
LAST_DATE = date(2025, 12, 31)


@dataclass(frozen=True)
class Group:
    """A planted group: how long ago its customers last bought, how often and for how much.

    Ranges are inclusive. `recency_days` counts from the day after the data's last, `days_per_order`
    is the time between two orders, `lines` are an order's. `basket` is the typical value of an
    order in pounds, `basket_spread` the deviation of its logarithm from customer to customer.
    """

    name: str
    customers: int
    recency_days: tuple[int, int]
    orders: tuple[int, int]
    days_per_order: tuple[int, int]
    basket: float
    basket_spread: float
    lines: tuple[int, int]


# Far enough apart, and evenly enough, for the inertia of k-means to have its knee at four.
GROUPS = [
    Group("loyal", 136, (1, 28), (11, 18), (30, 44), 76.0, 0.16, (2, 4)),
    Group("new", 120, (4, 48), (1, 2), (9, 20), 60.0, 0.18, (2, 4)),
    Group("lapsed", 140, (350, 470), (5, 8), (24, 36), 24.0, 0.16, (1, 4)),
    Group("one_time", 210, (340, 640), (1, 1), (0, 0), 15.0, 0.18, (1, 2)),
]

# What the shop sells: product family, its prices in pounds, its variants.
CATALOG = [
    ("Stoneware mug", "7.50", ["speckled", "sage", "ink blue", "terracotta"]),
    ("Espresso cup", "5.25", ["white", "sage", "ink blue"]),
    ("Linen tea towel", "6.95", ["striped", "plain", '"Home, sweet home"']),
    ("Café tray", "14.50", ["oak", "walnut"]),
    ("Beeswax candle", "4.80", ["short", "tall", "pillar"]),
    ("Scented candle", "12.00", ["fig", "cedar", "crème brûlée"]),
    ("Glass vase", "18.50", ["bud", "clear", "smoked"]),
    ("Wool throw", "42.00", ["herringbone", "cream"]),
    ("Cushion cover", "16.75", ["mustard", "rust", "forest"]),
    ("Enamel jug", "11.40", ["white", "blue rim"]),
    ("Cutting board", "22.00", ["olive wood", "beech"]),
    ("Spice jar", "2.60", ["cork lid", "steel lid"]),
    ("Notebook A5", "5.90", ["dotted", "ruled", "blank", "naïve florals"]),
    ("Notebook A6", "3.95", ["dotted", "ruled"]),
    ("Weekly planner", "9.80", ["undated", "academic year"]),
    ("Gel pen", "1.85", ["black", "blue", "green"]),
    ("Fountain pen", "24.50", ["fine", "medium"]),
    ("Pencil set", "4.40", ["HB", "sketching"]),
    ("Washi tape", "2.20", ["gingham", "botanical", "gold"]),
    ("Gift wrap sheet", "1.50", ["stars", "leaves", "plain kraft"]),
    ("Greeting card", "2.75", ["birthday", "thank you", "Joyeux Noël"]),
    ("Letter set", "8.60", ["cotton", "recycled"]),
    ("Desk organizer", "28.00", ["bamboo", "felt"]),
    ("Paper clip tin", "3.30", ["brass", "rose gold"]),
    ("Storage basket", "19.90", ["seagrass", "jute"]),
    ("Picture frame", "13.25", ['6" x 4"', "A4", "square"]),
]

# What is on an order but is not trade: the demo's configuration excludes these product ids.
NON_TRADE = {
    "POSTAGE": ("Postage", ["2.95", "3.95", "4.95", "12.50"]),
    "MANUAL": ("Manual correction", ["1.00", "5.00", "-7.50", "0.00", "120.00"]),
    "GIFTWRAP": ("Gift wrapping", ["1.50", "2.50"]),
}

# Where a customer lives, by weight.
COUNTRIES = [
    ("United Kingdom", 78),
    ("Ireland", 7),
    ("France", 4),
    ("Germany", 4),
    ("Netherlands", 3),
    ("Denmark", 2),
    ("Türkiye", 1),
    ("Côte d'Ivoire", 1),
]

# Ids that trip up a careless import: accents, other scripts, apostrophes, two that differ by case.
UNUSUAL_CUSTOMER_IDS = [
    "Zoë-0042",
    "O'Brien-0019",
    "ab-17",
    "AB-17",
    "Łukasz-0077",
    "Søren-0101",
    "王芳-0131",
    "José-0123",
    "Müller-0007",
    "Ελένη-0064",
    "D'Arcy-0088",
    "Çelik-0150",
]

ALL_REJECTED_CUSTOMER_ID = "CU-90001"
RETURNS_ONLY_CUSTOMER_ID = "CU-90002"

MISSING_IDS = ["", " ", "", "   "]
UNREADABLE_DATES = [
    "31/12/2024",
    "2025-02-30",
    "yesterday",
    "",
    "2024-13-01",
    "2025-02-29 10:00:00",
    "03.05.2024",
    "May 3, 2024",
    "2025-06-31T09:15:00",
    "45412",
    "2024-06-15 25:00:00",
    "20240315",
    "2024-00-10",
    "n/a",
    "2024/11/05 14:20",
    "#VALUE!",
]
DATES_OUT_OF_RANGE = [
    "2031-05-01 11:00:00",
    "1900-01-01",
    "2013-08-14 09:30:00",
    "2026-07-01",
    "1970-01-01 00:00:00",
    "2099-12-31T23:59:59Z",
    "1900-01-01 00:00:00",
    "2014-12-31",
    "9999-12-31",
    "2031-01-15",
]
UNREADABLE_QUANTITIES = [
    "12 pcs",
    "1e400",
    "inf",
    "NaN",
    "12345678901234567890",
    "two",
    "",
    "1 000",
    "3x",
    "-Infinity",
]
UNREADABLE_PRICES = [
    "£4.99",
    "",
    "4,99",
    "NaN",
    "1e400",
    "99999999999999999999",
    "free",
    "7.50 GBP",
    "-inf",
    "1.2.3",
    "€ 6.00",
    "1e15",
]
NON_POSITIVE_PRICES = ["0.00", "0", "-4.99", "0.0", "-0.01", "-1e2", "0.00", "-12.00"]
ZERO_QUANTITIES = ["0", "0.0", "-0", "00", " 0 ", "0e5", "0.00", "+0"]

# Faults of one column: the reason, the column, its values in turn and the number of lines.
SINGLE_FAULTS = [
    ("missing_order", "order_id", MISSING_IDS, 10),
    ("unreadable_date", "ordered_at", UNREADABLE_DATES, 20),
    ("date_out_of_range", "ordered_at", DATES_OUT_OF_RANGE, 14),
    ("unreadable_number", "quantity", UNREADABLE_QUANTITIES, 10),
    ("unreadable_number", "unit_price", UNREADABLE_PRICES, 12),
    ("non_positive_price", "unit_price", NON_POSITIVE_PRICES, 20),
    ("zero_quantity", "quantity", ZERO_QUANTITIES, 12),
]
EXCLUDED_LINES = 60
ORDERS_WITH_DUPLICATES = 36
RETURNS_WITH_DUPLICATES = 3
GUEST_ORDERS = 14
RETURN_SHARE = 0.03


@dataclass(frozen=True)
class Product:
    """A product on sale: its id, what it is called and its price in pounds, with two decimals."""

    product_id: str
    description: str
    price: str


@dataclass(frozen=True)
class Line:
    """One row of the export, as text, in the order of ORDER_LINE_COLUMNS."""

    order_id: str
    customer_id: str
    ordered_at: str
    product_id: str
    description: str
    quantity: str
    unit_price: str
    country: str
    planted_reason: str = ""


@dataclass
class Order:
    """An order (or the return of one) before it is written out: who, when, and its lines."""

    placed_at: datetime
    customer: "Customer | None"
    items: list[tuple[Product, int]]
    returned_order: "Order | None" = None
    order_id: str = ""
    lines: list[Line] = field(default_factory=list)


@dataclass
class Customer:
    """A customer, the planted group it was drawn from and its orders, oldest first."""

    group: str
    country: str
    orders: list[Order] = field(default_factory=list)
    customer_id: str = ""


class Draws:
    """Seeded draws, all made of `random.Random.random`, whose sequence Python keeps."""

    def __init__(self, seed: int) -> None:
        """Start the sequence at `seed`."""
        self._uniform = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True with the given probability, between 0 and 1."""
        return self._uniform() < probability

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + int(self._uniform() * (high - low + 1))

    def one_of(self, values: list):
        """One of the values, each as likely as the others."""
        return values[self.integer(0, len(values) - 1)]

    def weighted(self, values: list[tuple[str, int]]) -> str:
        """One of the (value, weight) pairs' values, as likely as its weight says."""
        target = self._uniform() * sum(weight for _, weight in values)
        for value, weight in values:
            target -= weight
            if target < 0:
                return value
        return values[-1][0]

    def some_of(self, values: list, count: int) -> list:
        """`count` different values (all of them, if there are fewer), in drawn order."""
        left = list(values)
        return [left.pop(self.integer(0, len(left) - 1)) for _ in range(min(count, len(left)))]

    def factor(self, spread: float) -> float:
        """A log-normal factor with median 1; `spread` is the deviation of its logarithm.

        Cut at two deviations: a planted group is a group, without strays.
        """
        deviations = NormalDist().inv_cdf(min(max(self._uniform(), 1e-9), 1 - 1e-9))
        return math.exp(spread * min(max(deviations, -2.0), 2.0))


def make_products() -> list[Product]:
    """The shop's products, one per catalog family and variant."""
    products = []
    for family_number, (family, price, variants) in enumerate(CATALOG, start=1):
        for variant_number, variant in enumerate(variants, start=1):
            product_id = f"HS{family_number:02d}{variant_number:02d}"
            products.append(Product(product_id, f"{family}, {variant}", price))
    return products


def draw_items(
    draws: Draws, products: list[Product], line_count: int, value: float
) -> list[tuple[Product, int]]:
    """Different products with quantities that together cost about `value` pounds."""
    share = value / line_count
    affordable = [product for product in products if float(product.price) <= 1.25 * share]
    chosen = draws.some_of(affordable, line_count)
    return [(product, max(1, round(share / float(product.price)))) for product in chosen]


def at_shop_hours(draws: Draws, day: date) -> datetime:
    """A moment between 08:00 and 20:59:59 of the day: no offset moves it to another day."""
    return datetime(day.year, day.month, day.day) + timedelta(
        seconds=draws.integer(8 * 3600, 21 * 3600 - 1)
    )


def draw_order_days(draws: Draws, group: Group) -> list[date]:
    """The days of a customer's orders, oldest first, counted back from a last order."""
    day = LAST_DATE + timedelta(days=1) - timedelta(days=draws.integer(*group.recency_days))
    days = [day]
    for _ in range(draws.integer(*group.orders) - 1):
        day = day - timedelta(days=draws.integer(*group.days_per_order))
        if day < FIRST_DATE:
            break
        days.append(day)
    return days[::-1]


def draw_customers(draws: Draws, products: list[Product]) -> list[Customer]:
    """Every group's customers with their orders, numbered by their first order."""
    customers = []
    for group in GROUPS:
        for _ in range(group.customers):
            customer = Customer(group.name, draws.weighted(COUNTRIES))
            basket = group.basket * draws.factor(group.basket_spread)
            for day in draw_order_days(draws, group):
                items = draw_items(
                    draws, products, draws.integer(*group.lines), basket * draws.factor(0.2)
                )
                customer.orders.append(Order(at_shop_hours(draws, day), customer, items))
            customers.append(customer)

    # The export must reach its last day, whatever was drawn.
    latest = max(customers, key=lambda customer: customer.orders[-1].placed_at)
    latest.orders[-1].placed_at = datetime(2025, 12, 31, 18, 42, 7)

    customers.sort(key=lambda customer: customer.orders[0].placed_at)
    spacing = len(customers) // len(UNUSUAL_CUSTOMER_IDS)
    for number, customer in enumerate(customers):
        position, rest = divmod(number, spacing)
        unusual = rest == spacing // 2 and position < len(UNUSUAL_CUSTOMER_IDS)
        customer.customer_id = UNUSUAL_CUSTOMER_IDS[position] if unusual else f"CU-{10001 + number}"
    return customers


def draw_returns(draws: Draws, orders: list[Order]) -> list[Order]:
    """Returns of some orders, in part or whole, a few days later, at the price paid.

    Only orders of customers with many are taken: a return then moves their money little.
    """
    returns = []
    for order in orders:
        if len(order.customer.orders) < 5 or not draws.chance(RETURN_SHARE):
            continue
        day = order.placed_at.date() + timedelta(days=draws.integer(2, 21))
        if day >= LAST_DATE:
            continue
        if draws.chance(0.15):
            items = [(product, -quantity) for product, quantity in order.items]
        else:
            product, quantity = draws.one_of(order.items)
            items = [(product, -draws.integer(1, quantity))]
        returns.append(Order(at_shop_hours(draws, day), order.customer, items, order))
    return returns


def draw_guest_orders(draws: Draws, products: list[Product]) -> list[Order]:
    """Orders at which nobody signed in: good lines but for the missing customer."""
    guest_orders = []
    for _ in range(GUEST_ORDERS):
        day = FIRST_DATE + timedelta(days=draws.integer(10, 700))
        items = draw_items(draws, products, draws.integer(2, 3), 30.0)
        guest_orders.append(Order(at_shop_hours(draws, day), None, items))
    return guest_orders


def draw_orders_without_purchase(products: list[Product]) -> list[Order]:
    """Two customers without a purchase: one whose every line is faulty, one with returns alone."""
    all_rejected = Customer("", "United Kingdom", customer_id=ALL_REJECTED_CUSTOMER_ID)
    returns_only = Customer("", "Ireland", customer_id=RETURNS_ONLY_CUSTOMER_ID)
    before_the_export = Order(datetime(2023, 12, 20), returns_only, [], order_id="99871")
    return [
        Order(datetime(2025, 5, 31, 14, 5, 30), all_rejected, [(products[0], 2)]),
        Order(
            datetime(2024, 1, 9, 10, 12, 44),
            returns_only,
            [(products[4], -2), (products[9], -1)],
            before_the_export,
        ),
    ]


def write_moment(draws: Draws, moment: datetime) -> str:
    """The moment as text: mostly as the shop writes it, now and then another readable spelling."""
    usual = moment.strftime("%Y-%m-%d %H:%M:%S")
    if draws.chance(0.93):
        return usual
    return draws.one_of(
        [
            usual.replace(" ", "T"),
            usual.replace(" ", "T") + "Z",
            usual + "+00:00",
            usual.replace(" ", "T") + "+01:00",
            usual + ".250",
            usual[:16],
            usual[:10],
        ]
    )


def write_lines(draws: Draws, orders: list[Order]) -> None:
    """Number the orders by time and give each its lines as text."""
    orders.sort(key=lambda order: order.placed_at)
    number = 100000
    for order in orders:
        if order.returned_order is None:
            number += draws.integer(1, 3)
            order.order_id = str(number)
        elif draws.chance(0.8):
            # An order comes before its return, so it has its id by now.
            order.order_id = "C" + order.returned_order.order_id
        else:
            # The shop books some returns as an order of their own.
            number += 1
            order.order_id = str(number)
        ordered_at = write_moment(draws, order.placed_at)
        for product, quantity in order.items:
            order.lines.append(
                Line(
                    order_id=order.order_id,
                    customer_id=order.customer.customer_id if order.customer else "",
                    ordered_at=ordered_at,
                    product_id=product.product_id,
                    description=product.description,
                    quantity=str(quantity),
                    unit_price=product.price,
                    country=order.customer.country if order.customer else "United Kingdom",
                )
            )


def purchases(orders: list[Order]) -> list[Order]:
    """The orders of grouped customers, without returns: the hosts of what is planted."""
    return [
        order
        for order in orders
        if order.customer and order.customer.group and order.returned_order is None
    ]


def respell_good_values(draws: Draws, orders: list[Order]) -> None:
    """Write some good values as another export would: blanks around them, signs, exponents."""
    hosts = draws.some_of(purchases(orders), 48)
    spellings = [
        lambda line: replace(line, customer_id=line.customer_id + " "),
        lambda line: replace(line, customer_id="  " + line.customer_id),
        lambda line: replace(line, order_id=" " + line.order_id + " "),
        lambda line: replace(line, quantity=line.quantity + ".0"),
        lambda line: replace(line, quantity="+" + line.quantity),
        lambda line: replace(line, quantity=line.quantity + "e0"),
        lambda line: replace(line, unit_price=" " + line.unit_price + " "),
        lambda line: replace(line, product_id="", description=""),
    ]
    for number, order in enumerate(hosts):
        order.lines[0] = spellings[number % len(spellings)](order.lines[0])


def plan_faults(draws: Draws) -> list[tuple[str, dict[str, str]]]:
    """The faulty lines to add: the reason each deserves, and the values that make it faulty.

    Some have a second fault that a later rule would find: the first rule must win.
    """
    plan = [
        ("missing_customer", {"customer_id": "", "order_id": ""}),
        ("missing_customer", {"customer_id": "", "ordered_at": "31/12/2024"}),
        ("missing_customer", {"customer_id": " ", "quantity": "12 pcs"}),
        ("missing_customer", {"customer_id": "", "product_id": "POSTAGE"}),
        ("missing_order", {"order_id": "", "ordered_at": "yesterday"}),
        ("missing_order", {"order_id": " ", "unit_price": "0.00"}),
        ("unreadable_date", {"ordered_at": "2025-02-30", "unit_price": "£4.99"}),
        ("unreadable_date", {"ordered_at": "", "quantity": "0"}),
        ("date_out_of_range", {"ordered_at": "2031-05-01", "quantity": "inf"}),
        ("date_out_of_range", {"ordered_at": "1900-01-01", "product_id": "MANUAL"}),
        ("unreadable_number", {"quantity": "NaN", "product_id": "POSTAGE"}),
        ("unreadable_number", {"quantity": "0", "unit_price": ""}),
        ("non_positive_price", {"quantity": "0", "unit_price": "0.00"}),
        ("non_positive_price", {"quantity": "-3", "unit_price": "0.00"}),
    ]
    for reason, column, values, count in SINGLE_FAULTS:
        plan += [(reason, {column: values[number % len(values)]}) for number in range(count)]
    for number in range(EXCLUDED_LINES):
        # Two of three are postage.
        product_id = "POSTAGE" if number % 3 else ["MANUAL", "GIFTWRAP"][number // 3 % 2]
        price = draws.one_of(NON_TRADE[product_id][1])
        values = {"product_id": product_id, "quantity": "1", "unit_price": price}
        plan.append(("excluded", values))
    return plan


def add_faults(draws: Draws, products: list[Product], orders: list[Order]) -> None:
    """Add the planned faulty lines to orders drawn for it; good lines stay as they are."""
    hosts = purchases(orders)
    for reason, values in plan_faults(draws):
        order = draws.one_of(hosts)
        present = {line.description for line in order.lines}
        product = draws.one_of(
            [product for product in products if product.description not in present]
        )
        description = product.description
        if values.get("product_id") in NON_TRADE:
            description = NON_TRADE[values["product_id"]][0]
        faulty = {
            "order_id": order.order_id,
            "customer_id": order.customer.customer_id,
            "product_id": product.product_id,
            "quantity": str(draws.integer(1, 6)),
            "unit_price": product.price,
            **values,
        }
        order.lines.append(
            replace(order.lines[0], description=description, planted_reason=reason, **faulty)
        )


def spoil_whole_orders(orders: list[Order]) -> None:
    """Leave no good line in the guests' orders and in that of the customer without a good one."""
    guest_lines = 0
    for order in orders:
        if order.customer is None:
            for position, line in enumerate(order.lines):
                customer_id = MISSING_IDS[guest_lines % len(MISSING_IDS)]
                order.lines[position] = replace(
                    line, customer_id=customer_id, planted_reason="missing_customer"
                )
                guest_lines += 1
        elif order.customer.customer_id == ALL_REJECTED_CUSTOMER_ID:
            line = order.lines[0]
            order.lines = [
                replace(line, ordered_at="31-05-2025", planted_reason="unreadable_date"),
                replace(line, quantity="12 pcs", planted_reason="unreadable_number"),
                replace(line, unit_price="0.00", planted_reason="non_positive_price"),
                replace(line, quantity="0", planted_reason="zero_quantity"),
            ]


def add_duplicates(draws: Draws, orders: list[Order]) -> None:
    """Repeat some good lines; of each set of copies the first stands, the others are duplicates.

    Copies agree in the mapped columns, but for blanks around an id; a description may differ.
    """
    returns = [
        order for order in orders if order.returned_order is not None and order.customer.group
    ]
    hosts = draws.some_of(purchases(orders), ORDERS_WITH_DUPLICATES)
    hosts += draws.some_of(returns, RETURNS_WITH_DUPLICATES)
    for number, order in enumerate(hosts):
        good_lines = [line for line in order.lines if not line.planted_reason]
        copy = replace(draws.one_of(good_lines), planted_reason="duplicate")
        if number % 6 == 1:
            copy = replace(copy, description=copy.description.upper())
        elif number % 12 == 2:
            copy = replace(copy, customer_id=copy.customer_id.strip() + " ")
        order.lines += [copy, copy] if number % 12 == 8 else [copy]

    # One excluded line stands twice and is excluded twice: only good lines can be duplicates.
    for order in purchases(orders):
        excluded = [line for line in order.lines if line.planted_reason == "excluded"]
        if excluded:
            order.lines.append(excluded[0])
            break


def generate() -> tuple[list[Line], list[tuple[str, str]]]:
    """The lines of the export by time, and the (customer_id, planted_group) pairs by id."""
    draws = Draws(SEED)
    products = make_products()
    customers = draw_customers(draws, products)
    orders = [order for customer in customers for order in customer.orders]
    orders += draw_returns(draws, orders)
    orders += draw_guest_orders(draws, products)
    orders += draw_orders_without_purchase(products)
    write_lines(draws, orders)
    respell_good_values(draws, orders)
    spoil_whole_orders(orders)
    add_faults(draws, products, orders)
    add_duplicates(draws, orders)

    lines = [line for order in orders for line in order.lines]
    truth = sorted((customer.customer_id, customer.group) for customer in customers)
    return lines, truth


def to_csv(columns: list[str], rows: list[list[str]]) -> bytes:
    """The rows as CSV under their header: UTF-8, a line feed after each row, on every system."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8")


def build_files() -> dict[str, bytes]:
    """The content of both seeds, by file name."""
    lines, truth = generate()
    line_rows = [[getattr(line, column) for column in ORDER_LINE_COLUMNS] for line in lines]
    return {
        ORDER_LINES_FILE: to_csv(ORDER_LINE_COLUMNS, line_rows),
        CUSTOMERS_FILE: to_csv(CUSTOMER_COLUMNS, [list(pair) for pair in truth]),
    }


def main() -> None:
    """Write both seeds into the folder seeds/ and say what was written."""
    for name, content in build_files().items():
        (SEEDS_FOLDER / name).write_bytes(content)
        print(f"{name}: {len(content.splitlines()) - 1} rows, {len(content)} bytes")


if __name__ == "__main__":
    main()
