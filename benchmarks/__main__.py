"""``make bench``: every benchmark, one after another."""

import importlib
from pathlib import Path

for path in sorted(Path(__file__).parent.glob("bench_*.py")):
    print(f"\n== {path.stem}")
    importlib.import_module(f"benchmarks.{path.stem}").main()
