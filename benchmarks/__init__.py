"""One file per hot kernel, each against a named peer and its own limit, in one run on one core.

One thread, set here before numpy is imported, however a benchmark is started.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
