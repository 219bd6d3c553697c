"""Run the tutorial: its bash and Python blocks, in order, in an empty folder."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser


def run_bash(example: Example) -> str | None:
    """A bash block; anything but status 0 of any line fails, with the block's output."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", example.parsed], capture_output=True, text=True, timeout=240, check=False
    )
    return f"status {done.returncode}\n{done.stdout}\n{done.stderr}" if done.returncode else None


def enter(namespace: dict) -> None:
    """Into an empty folder, with this environment's commands first on the path."""
    namespace["_before"] = (Path.cwd(), os.environ["PATH"])
    namespace["_folder"] = tempfile.TemporaryDirectory()
    os.chdir(namespace["_folder"].name)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def leave(namespace: dict) -> None:
    """Back, and away with the folder."""
    if "tree" in namespace:
        namespace["tree"].close()
    folder, os.environ["PATH"] = namespace["_before"]
    os.chdir(folder)
    namespace["_folder"].cleanup()


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), CodeBlockParser(language="bash", evaluator=run_bash)],
    patterns=["tutorial.md"],
    setup=enter,
    teardown=leave,
).pytest()
