"""The command ``meanfield phase-diagram``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from meanfield.commands.command_options import (
    BadInput,
    Interval,
    Progress,
    read_model,
    require_folder,
    require_picture,
    site_options,
)
from meanfield.commands.ending import finish

if TYPE_CHECKING:
    from meanfield.phases.phase_diagram import PhaseDiagram

INTERVAL = Interval()


@click.command("phase-diagram")
@click.option(
    "--plane",
    type=click.Choice(["j0-gamma", "gamma-temperature", "j0-temperature"]),
    default="j0-gamma",
    show_default=True,
    help="Its two axes; the third parameter is fixed.",
)
@click.option(
    "--ansatz", default="rs", show_default=True, help="Ansatz of the lines, several with commas: rs,1rsb,frsb."
)
@click.option("--gamma", type=INTERVAL, help="LOW:HIGH as an axis [default: 0.25:10], else a number.")
@click.option("--j0", type=INTERVAL, help="LOW:HIGH as an axis [default: 0:3], else a number [default: 0].")
@click.option("--temperature", type=INTERVAL, help="LOW:HIGH as an axis, else a number [default: 0].")
@click.option("--points", type=int, default=40, show_default=True, help="Points of a line per range of an axis.")
@site_options
@click.option("--out", type=click.Path(dir_okay=False), help="All lines as .csv, else HDF5.")
@click.option("--plot", type=click.Path(dir_okay=False), help="Picture of the plane.")
def phase_diagram(
    plane: str,
    ansatz: str,
    gamma: tuple[float, ...] | None,
    j0: tuple[float, ...] | None,
    temperature: tuple[float, ...] | None,
    points: int,
    as_json: bool,
    out: str | None,
    plot: str | None,
    **options: Any,
) -> int:
    """Phase boundaries in a plane of parameters, every line with its ansatz.

    In the plane of J0 and gamma (drawn as 1/gamma) at T = 0: where the ergodic state turns glassy or polarised,
    where the glass turns polarised, where replica symmetry breaks in the polarised phase, and where double wells
    begin. gamma-temperature gives T_g(gamma).
    """
    require_folder(out, plot)
    require_picture(plot)
    given = {"gamma": gamma, "j0": j0, "temperature": temperature}
    ranges: dict[str, tuple[float, ...]] = {}
    fixed: dict[str, tuple[float, ...]] = {}
    for name, values in given.items():
        axis = name in plane.split("-")
        if values is not None and len(values) != 1 + axis:
            raise BadInput(f"--{name} must be {'LOW:HIGH' if axis else 'one number'} in the plane {plane}")
        if values is not None:
            (ranges if axis else fixed)[name] = values
    if plane == "j0-temperature" and "gamma" not in fixed and options["potential"] != "ising":
        raise BadInput("the plane j0-temperature needs --gamma")
    model = read_model(gamma=fixed.get("gamma", (1.0,))[0], j0=fixed.get("j0", (0.0,))[0], **options)
    from meanfield.phases.phase_diagram import phase_diagram as follow

    progress = Progress()
    try:
        diagram = follow(
            model,
            plane,
            fixed.get("temperature", (0.0,))[0],
            tuple(dict.fromkeys(ansatz.split(","))),
            {name: (values[0], values[1]) for name, values in ranges.items()},
            points,
            progress,
        )
    finally:
        progress.end()

    def save(path: str) -> None:
        from meanfield.phases import phase_diagram_file

        phase_diagram_file.save(diagram, path)

    def draw(path: str) -> None:
        from meanfield.phases import phase_picture

        phase_picture.save(diagram, path)

    failed = ", ".join(f"{line.name} ({line.ansatz})" for line in diagram.lines if not line.converged)
    failure = "" if diagram.converged else f"not converged: {failed} ends before a border or a corner"
    return finish(as_json, diagram.to_dict, lambda: show(diagram), failure, (out, save), (plot, draw))


def show(diagram: PhaseDiagram) -> None:
    """Print a table for people: every line with some of its points."""
    from pandas import DataFrame

    from meanfield.commands.table_text import table_text

    axes = [diagram.plane.x.name, diagram.plane.y.name]
    fixed = [f"{name} = {value:g}" for name, value in diagram.to_dict()["fixed"].items()]
    rows = []
    for line in diagram.lines:
        count = line.points["p"].size
        shown = sorted({round(k * (count - 1) / 4) for k in range(5)})
        for k in shown:
            values = {name: f"{value[k]:.10g}" for name, value in line.points.items()}
            if line.points["error"][k] > 0.0:
                values[line.error_of] += f" +- {line.points['error'][k]:.1g}"
            numbers = [f"{line.points[name][k]:.6g}" for name in ("p", "q", "C")]
            label = line.name + ("" if line.exact else " *")
            rows.append([label, line.ansatz, *(values[axis] for axis in axes), *numbers])
    if rows:
        table = DataFrame(rows, columns=["line", "ansatz", *axes, "p", "q", "C"])
        click.echo(f"plane {diagram.name}, {', '.join(fixed)}")
        # The line, its ansatz and a coordinate say which point it is.
        click.echo(table_text(table.set_index(["line", "ansatz", axes[0]])))
    else:
        click.echo(f"no line in this plane ({diagram.name}, {', '.join(fixed)})")
    if any(not line.exact for line in diagram.lines):
        click.echo("* where this line lies depends on the ansatz")
    for line in diagram.lines:
        if line.note:
            click.echo(f"{line.name} ({line.ansatz}): {line.note}")
    click.echo(f"{diagram.seconds:.2f} s")
