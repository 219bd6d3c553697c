"""``make bench``: every benchmark, one after another, on one thread."""

import importlib
import os
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

for path in sorted(Path(__file__).parent.glob("bench_*.py")):
    print(f"\n== {path.stem}")
    importlib.import_module(f"benchmarks.{path.stem}").main()
