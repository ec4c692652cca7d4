"""The textbook method in pandas and scikit-learn, as a tutorial would write it.

    python benchmarks/textbook.py lines.parquet segments.parquet

Reads the order lines, cleans them, computes recency, frequency and monetary for each customer,
transforms and standardizes them, looks for the elbow, fits k-means and writes the customers with
their cluster. Prints the seconds of each stage as one line of JSON.
"""

import json
import sys
import time

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

SEED = 42
CLUSTERS = 4


def main(lines_path, segments_path):
    """Segment the customers of the Parquet file `lines_path`, write them to `segments_path`."""
    seconds = {}
    stage_started = time.perf_counter()

    def stage_done(stage):
        nonlocal stage_started
        now = time.perf_counter()
        seconds[stage] = round(now - stage_started, 3)
        stage_started = now

    lines = pd.read_parquet(lines_path)
    stage_done("read")

    lines = lines.dropna(subset=["customer_id"])
    lines = lines[(lines["quantity"] > 0) & (lines["unit_price"] > 0)]
    lines = lines.drop_duplicates()
    stage_done("clean")

    lines["amount"] = lines["quantity"] * lines["unit_price"]
    as_of = lines["ordered_at"].max() + pd.Timedelta(days=1)
    rfm = lines.groupby("customer_id").agg(
        last_order=("ordered_at", "max"),
        frequency=("order_id", "nunique"),
        monetary=("amount", "sum"),
    )
    rfm["recency_days"] = (as_of - rfm["last_order"]).dt.days
    rfm = rfm[["recency_days", "frequency", "monetary"]]
    stage_done("RFM")

    transformed = pd.DataFrame(index=rfm.index)
    transformed["recency_days"] = stats.boxcox(rfm["recency_days"])[0]
    transformed["frequency"] = stats.boxcox(rfm["frequency"])[0]
    transformed["monetary"] = np.cbrt(rfm["monetary"])
    scaled = StandardScaler().fit_transform(transformed)
    stage_done("transform and scale")

    inertia = {}
    for k in range(1, 11):
        inertia[k] = KMeans(n_clusters=k, n_init=10, random_state=SEED).fit(scaled).inertia_
    stage_done("elbow")

    kmeans = KMeans(n_clusters=CLUSTERS, n_init=10, random_state=SEED).fit(scaled)
    rfm["cluster"] = kmeans.labels_
    stage_done("fit")

    rfm.reset_index().to_parquet(segments_path)
    stage_done("write")

    print(json.dumps({"customers": len(rfm), "seconds": seconds}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} lines.parquet segments.parquet")
    main(*sys.argv[1:])
