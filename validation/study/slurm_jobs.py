"""Slurm jobs for the missing runs of a study: a script for each, and one that submits them and then the report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from validation.study.execute import command
from validation.study.plan import Standing
from validation.study.study_file import Study

BEFORE_THE_LIMIT = 180  # seconds in which every rank finishes the task in hand

_RUN = """\
#!/bin/bash
# {title}: run {name}. Written by `validation study`; written anew each time, so change the study instead.
#SBATCH --job-name={name}
{resources}
#SBATCH --signal=USR1@{margin}
#SBATCH --open-mode=append
#SBATCH --requeue
# Before the limit every rank gets SIGUSR1, seals its work and leaves with status 85; the job queues itself again.
cd {folder} || exit 2
{setup}
export NUMBA_CACHE_DIR=${{SLURM_TMPDIR:-/tmp}}/nsim-kernels-$SLURM_JOB_ID
status=0
{launcher} {command} || status=$?
if [ "$status" -eq 85 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
[ "$status" -eq 3 ] && status=0     # done; states that did not converge are marked and left out
exit "$status"
"""

_REPORT = """\
#!/bin/bash
# {title}: the report, once every run is done.
#SBATCH --job-name=report
#SBATCH --ntasks=1
#SBATCH --time=02:00:00
{options}
cd {folder} || exit 2
{setup}
{command}
"""

_SUBMIT = """\
#!/bin/bash
# {title}: submit what is missing, then the report.
set -e
jobs=""
for script in {scripts}; do
  jobs="$jobs:$(sbatch --parsable "$script" | cut -d';' -f1)"
done
sbatch --dependency=afterok"$jobs" {report}
"""


def write_jobs(study: Study, out: Path, standings: Sequence[Standing]) -> Path | None:
    """Write the scripts into ``out/slurm``; returns the one to start, or None where nothing is missing."""
    folder = out / "slurm"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.s[bh]*"):
        old.unlink()
    missing = [standing for standing in standings if not standing.merged]
    if not missing:
        return None
    slurm = study.slurm
    python = str(Path(sys.executable).absolute())  # not resolved: a virtual environment is known by its link
    resources = [f"--ntasks={slurm.ranks}", f"--time={slurm.time}", "--cpus-per-task=1"]
    if slurm.ranks_per_node is not None:
        resources.append(f"--ntasks-per-node={slurm.ranks_per_node}")
    if slurm.memory_per_rank is not None:
        resources.append(f"--mem-per-cpu={slurm.memory_per_rank}")
    words = {
        "title": study.title,
        "folder": shlex.quote(str(Path.cwd())),
        "setup": "\n".join(slurm.setup),
        "options": "\n".join(f"#SBATCH {option}" for option in slurm.options),
        "margin": BEFORE_THE_LIMIT,
        "launcher": slurm.launcher,
        "resources": "\n".join(f"#SBATCH {option}" for option in [*resources, *slurm.options]),
    }
    scripts = []
    for standing in missing:
        name = standing.planned.name
        script = folder / f"run-{name}.sbatch"
        call = shlex.join([python, "-m", *command(study, standing.planned, out)])
        script.write_text(_RUN.format(name=name, command=call, **words), encoding="utf-8")
        scripts.append(script)
    report = folder / "report.sbatch"
    call = shlex.join([python, "-m", "validation", "study", str(study.path), "--out", str(out), "--report-only"])
    report.write_text(_REPORT.format(command=call, **words), encoding="utf-8")
    submit = folder / "submit.sh"
    listed = " ".join(shlex.quote(str(script)) for script in scripts)
    submit.write_text(
        _SUBMIT.format(title=study.title, scripts=listed, report=shlex.quote(str(report))), encoding="utf-8"
    )
    submit.chmod(0o755)
    return submit
