"""SIGINT and SIGTERM to commands that no engine stops: one line, status 85, whatever they are at."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.launch import environment

# The command with one function replaced, which says that it was reached and then does its work for ever.
CODE = """
import importlib, operator, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal, wherever the tests run
package, module, owner, name, *arguments = sys.argv[1:]
holder = importlib.import_module(module)
holder = operator.attrgetter(owner)(holder) if owner else holder
work = getattr(holder, name)
def for_ever(*arguments, **options):
    print("begun", flush=True)
    while True:
        time.sleep(60) if owner or package == "validation" else work(*arguments, **options)
setattr(holder, name, for_ever)
sys.argv = [package, *arguments]
importlib.import_module(package + ".cli").main()
"""
LANDSCAPE = "landscape --exhaustive --couplings J.npy --gamma 4"
SOLVE = "solve --ansatz frsb --gamma 4.3"
COMMANDS = {
    "landscape": ["nsim", "nsim.landscape.exhaustive", "", "explore", *LANDSCAPE.split()],
    "estimate": ["nsim", "nsim.campaign.estimate", "", "estimate", "estimate", "run.toml"],
    "solve": ["meanfield", "meanfield.replicas.solver", "", "solve", *SOLVE.split()],
    "report": ["validation", "validation.simulation", "Simulation", "open", "report", ".", "--out", "report"],
    "study": ["validation", "validation.study.evaluation", "", "evaluate", "study", "study.toml", "--report-only"],
}
STUDY = """
title = "Tiny"
seed = 3
[runs.polarised]
model = {gamma = 1.0, j0 = 3.0}
ensemble = {n = [12, 24], samples = [40, 30]}
protocol = {kind = "quench"}
[[claims]]
kind = "rs-exact"
runs = ["polarised"]
title = "Polarised"
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_ends_a_command_with_one_line(command, number, run_dict, write_toml, tmp_path: Path):
    write_toml(run_dict())
    J = np.triu(np.random.default_rng(1).normal(size=(16, 16)), 1) / 4
    np.save(tmp_path / "J.npy", J + J.T)
    (tmp_path / "study.toml").write_text(STUDY)
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *COMMANDS[command]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    time.sleep(0.7)  # into the midst of it, mostly compiled code
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (85, "")
    assert err == f"{COMMANDS[command][0]}: stopped ({number.name}); the same command can be given again\n"
