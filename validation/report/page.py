"""The report of a comparison: one HTML page that carries everything in it, and the same numbers as JSON."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nsim.campaign.provenance import git_revision
from nsim.errors import InputError, reason
from validation.predictions import THEORIES, describe
from validation.quantities import QUANTITIES, label
from validation.report.template import environment
from validation.report.words import headline, statements, told, with_error
from validation.verdicts.checks import FEWEST_SAMPLES, POWER, RESOLUTION, THRESHOLD, Check
from validation.verdicts.comparison import Comparison
from validation.verdicts.equilibrium import FAR_ABOVE, FAR_BELOW, THERMAL

FORMAT_VERSION = 2
PACKAGES = ("solvable-glass", "numpy", "scipy", "matplotlib")


def as_json(comparison: Comparison, command: str) -> dict[str, Any]:
    """The report as plain data; numbers that are undefined are None."""
    simulation = comparison.simulation
    return {
        "format_version": FORMAT_VERSION,
        "verdict": comparison.verdict,
        "headline": headline(comparison),
        "checks": [check.to_dict() for check in [*comparison.checks, *comparison.thermal_checks]],
        "extrapolations": {
            name: {
                **found.to_dict(),
                "over_forms": {"value": found.value, "stderr": found.stderr},  # its name in format 1
                "forms": [{"form": form.label, "reason": form.reason} for form in comparison.forms[name]],
            }
            for name, found in comparison.limits.items()
        },
        "equilibrium": [
            {
                "temperature": at.temperature,
                "rs_exact": at.rs_exact,
                "extrapolations": {name: found.to_dict() for name, found in at.limits.items()},
                "theories": {name: describe(theory) for name, theory in at.theories.items()},
            }
            for at in comparison.equilibrium
        ],
        "regime": comparison.regime.name,
        "control_variate": {
            str(n): {
                "z": found.worst,
                "used": found.usable,
                "names": list(found.names),
                "reduction": _reduction(comparison, n),
            }
            for n, found in comparison.controls.items()
        },
        "small_field_window": comparison.mean_field.window,
        "theories": {name: describe(theory) for name, theory in comparison.mean_field.theories.items()},
        "run": simulation.run.resolved(),
        "sizes": [
            {
                "n": size.n,
                "samples": size.samples,
                "states": size.states,
                "unconverged": size.unconverged,
                "missing": size.missing,
            }
            for size in simulation.sizes
        ],
        "provenance": {"run": simulation.provenance, "report": provenance(command)},
    }


def write(comparison: Comparison, out: Path, command: str) -> dict[str, Any]:
    """Write report.html and report.json into the directory ``out``; returns what the JSON file holds."""
    data = as_json(comparison, command)
    page = html(comparison, data)
    try:
        out.mkdir(parents=True, exist_ok=True)
        replace_file(out / "report.json", json.dumps(data, indent=1, allow_nan=False) + "\n")
        replace_file(out / "report.html", page)
    except OSError as error:
        raise InputError(f"--out {out}: {reason(error)}") from None
    return data


def html(comparison: Comparison, data: dict[str, Any]) -> str:
    """The page, self-contained: style and figures are part of it, nothing is loaded from anywhere."""
    from validation.plot_style import svg  # matplotlib is slow to import: only where figures are drawn
    from validation.report.plots import plots

    templates = environment()
    templates.filters["label"] = label
    figures = [
        {"name": plot.name, "title": plot.title, "caption": plot.caption, "svg": Markup(svg(plot.figure, plot.name))}
        for plot in plots(comparison)
    ]
    extrapolated, finite = _by_limit(comparison.checks)
    warm, warm_finite = _by_limit(comparison.thermal_checks)
    return templates.get_template("report.html.j2").render(
        data=data,
        comparison=comparison,
        extrapolated=extrapolated,
        finite=finite,
        warm=warm,
        warm_finite=warm_finite,
        statements=statements(comparison),
        figures=figures,
        theories={name: THEORIES[name] for name in comparison.mean_field.theories},
        quantities=QUANTITIES,
        threshold=THRESHOLD,
        resolution=RESOLUTION,
        power=POWER,
        fewest_samples=FEWEST_SAMPLES,
        far_above=FAR_ABOVE,
        far_below=FAR_BELOW,
        parameters=_parameters(comparison),
        with_error=with_error,
        told=told,
    )


def _reduction(comparison: Comparison, n: int) -> float:
    """By how much fewer samples the energy needs: thermal where there is one, else of relaxed states."""
    thermal = [at.averages[n]["energy"].reduction for at in comparison.equilibrium if n in at.averages]
    return max([comparison.averages[n]["energy"].reduction, *thermal])


def _by_limit(checks: list[Check]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of extrapolated values, and rows of single sizes."""
    return [_row(check) for check in checks if check.n is None], [
        _row(check) for check in checks if check.n is not None
    ]


def _row(check: Check) -> dict[str, Any]:
    return {
        "check": check,
        "quantity": (THERMAL if check.temperature > 0 else QUANTITIES)[check.observable],
        "simulation": with_error(check.simulation, check.stderr),
    }


def _parameters(comparison: Comparison) -> str:
    """The model and the protocol in one line."""
    run = comparison.simulation.run
    model, protocol = run.model, run.protocol
    a2 = model.a2 if isinstance(model.a2, float | int) else model.a2.model_dump()
    line = f"gamma = {model.gamma:g}, J0 = {model.j0:g}, a2 = {a2}, a4 = {model.a4:g}, F = {model.field:g}"
    line += f"; {protocol.kind}"
    if protocol.kind == "anneal":
        line += f" of {protocol.sweeps} sweeps from T = {protocol.t_start:g} to {protocol.t_end:g}"
        line += f" ({protocol.schedule})"
    if protocol.kind == "tempering":
        line += f" of {protocol.sweeps} sweeps between T = {protocol.t_start:g} and {protocol.t_end:g}"
    return f"{line}, start {protocol.start}, then relaxed to T = 0; seed {run.seed}"


def provenance(command: str) -> dict[str, str]:
    """What a report was made by."""
    return {
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "git_revision": git_revision(),
        **{f"version_{name.replace('-', '_')}": metadata.version(name) for name in PACKAGES},
    }


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".tmp-{os.getpid()}-{path.name}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
