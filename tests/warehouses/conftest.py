"""Where the tests of warehouses find what they share with others."""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "engines"), str(TESTS / "python")]
