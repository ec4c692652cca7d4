"""Draw the dendrogram of a hierarchical segmentation as an SVG picture.

    python scripts/draw_dendrogram.py bank_loans.duckdb tiers > dendrogram.svg

Reads `segmentation__dendrogram` and `segmentation__segments` of a DuckDB file. A leaf is a group of
customers with its size beneath; the dashed line is the cut that makes the segments.
"""

import argparse
import math
from html import escape

import duckdb

WIDTH, HEIGHT = 1000, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 985, 50, 400
# Okabe and Ito's: told apart by every kind of eye.
COLORS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9"]

NODES = """
    select node_id, left_node_id, right_node_id, segment_id, height, size, leaf_position,
        cophenetic_correlation
    from {schema}.segmentation__dendrogram where segmentation = ? order by node_id
"""
SEGMENTS = """
    select segment_id, segment_name, sample_customers
    from {schema}.segmentation__segments where segmentation = ? order by segment_id
"""
STYLE = """
    text { fill: #1c2733; font-size: 12px; }
    .ground { fill: #ffffff; }
    .title { font-size: 17px; font-weight: 600; }
    .small { fill: #4c5b6b; font-size: 11px; }
    .name { font-size: 14px; font-weight: 600; }
    .axis { stroke: #8a99ad; }
    .branch { stroke: #5b6b7d; stroke-width: 2; fill: none; }
    .cut { stroke: #b3261e; stroke-dasharray: 7 5; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #12181f; }
      text { fill: #eef2f6; }
      .small { fill: #b3c0cd; }
      .branch { stroke: #a3b2c2; }
      .cut { stroke: #ff8a80; }
    }
"""


def draw(title: str, nodes: list[tuple], segments: list[tuple]) -> str:
    """Gives the SVG text; nodes and segments are the rows of the queries above."""
    by_id = {node[0]: node for node in nodes}
    leaves = [node for node in nodes if node[1] is None]
    highest = max(node[4] for node in nodes)
    power = 10 ** math.floor(math.log10(highest / 5))
    step = max(nice * power for nice in (1, 2, 5) if nice * power <= highest / 5)
    largest = step * math.ceil(highest / step)
    color = {row[0]: COLORS[index % len(COLORS)] for index, row in enumerate(segments)}

    def across(position: float) -> str:
        return f"{LEFT + (position - 0.5) / len(leaves) * (RIGHT - LEFT):.1f}"

    def down(height: float) -> str:
        return f"{BOTTOM - height / largest * (BOTTOM - TOP):.1f}"

    def paint(segment_id: int | None) -> str:
        return f' style="stroke: {color[segment_id]}"' if segment_id in color else ""

    middle = (TOP + BOTTOM) / 2
    lines = [
        f'<text class="title" x="{LEFT}" y="28">{escape(title)}</text>',
        f'<text class="small" transform="translate(22 {middle}) rotate(-90)">merged at height</text>',
    ]
    for tick in range(round(largest / step) + 1):
        y = down(tick * step)
        lines.append(f'<path class="axis" d="M{LEFT - 6},{y} H{LEFT}"/>')
        lines.append(
            f'<text class="small" x="{LEFT - 10}" y="{y}" dy="4" text-anchor="end">'
            f"{tick * step:g}</text>"
        )
    lines.append(f'<path class="axis" d="M{LEFT},{down(0)} V{down(largest)}"/>')
    for _, left, right, segment_id, height, *_ in nodes:
        if left is None:
            continue
        for child in (by_id[left], by_id[right]):
            path = f"M{across(child[6])},{down(child[4])} V{down(height)}"
            lines.append(f'<path class="branch" d="{path}"{paint(child[3])}/>')
        path = f"M{across(by_id[left][6])},{down(height)} H{across(by_id[right][6])}"
        lines.append(f'<path class="branch" d="{path}"{paint(segment_id)}/>')
    for leaf in leaves:
        lines.append(
            f'<text class="small" x="{across(leaf[6])}" y="{BOTTOM + 16}" text-anchor="middle">'
            f"{leaf[5]}</text>"
        )
    inside = [node[4] for node in nodes if node[3] is not None]
    above = [node[4] for node in nodes if node[3] is None]
    if above:
        y = down((max(inside) + min(above)) / 2)
        lines.append(f'<path class="cut" d="M{LEFT},{y} H{RIGHT}"/>')
        lines.append(
            f'<text class="small" x="{RIGHT}" y="{y}" dy="-6" text-anchor="end">cut</text>'
        )
    for segment_id, name, customers in segments:
        positions = [leaf[6] for leaf in leaves if leaf[3] == segment_id]
        x = across((min(positions) + max(positions)) / 2)
        lines.append(
            f'<text class="name" x="{x}" y="{BOTTOM + 42}" text-anchor="middle" '
            f'style="fill: {color[segment_id]}">{escape(name)}</text>'
        )
        lines.append(
            f'<text class="small" x="{x}" y="{BOTTOM + 60}" text-anchor="middle">'
            f"{customers:,}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"\n'
        '     aria-label="' + escape(title, quote=True) + '"\n'
        "     font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', Arial, sans-serif\">\n"
        f"  <style>{STYLE}  </style>\n"
        f'  <rect class="ground" width="{WIDTH}" height="{HEIGHT}" rx="10"/>\n  '
        + "\n  ".join(lines)
        + "\n</svg>\n"
    )


def main() -> None:
    """Reads the command line and prints the picture; fails where there is no dendrogram."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("database", help="DuckDB file that dbt has built in")
    parser.add_argument("segmentation", help="name of a hierarchical segmentation")
    parser.add_argument("--schema", default="main", help="where its tables are")
    given = parser.parse_args()
    with duckdb.connect(given.database, read_only=True) as connection:
        nodes, segments = (
            connection.execute(query.format(schema=given.schema), [given.segmentation]).fetchall()
            for query in (NODES, SEGMENTS)
        )
    if len(nodes) < 2:
        parser.exit(1, f"{given.database} holds no dendrogram of '{given.segmentation}'\n")
    customers = sum(customers for _, _, customers in segments)
    title = f"{given.segmentation}: {customers:,} customers"
    if nodes[0][7] is not None:
        title += f", cophenetic correlation {nodes[0][7]:.2f}"
    print(draw(title, nodes, segments), end="")


if __name__ == "__main__":
    main()
