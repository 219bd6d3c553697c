"""The command ``nsim export``: a run as plain netCDF or CSV."""

from __future__ import annotations

from pathlib import Path

import click

from nsim.command_line import first_rank_only
from nsim.commands.shared_options import directory_argument
from nsim.errors import ExitStatus, InputError, file_trouble


@click.command()
@directory_argument
@click.option("--to", "form", required=True, type=click.Choice(["netcdf", "csv"]), help="One file per size, or tables.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder of the files.  [default: DIRECTORY/export]"
)
@click.option("--sites/--no-sites", default=None, help="With every site's arrays.  [default: in netCDF, not in CSV]")
@first_rank_only
def export(directory: Path, form: str, out: Path | None, sites: bool | None) -> ExitStatus:
    """Write what is finished of the run in DIRECTORY for people without this package.

    netCDF: n64.nc and so on, for xarray, R, Julia, MATLAB ... CSV: states.csv with one row per relaxed state,
    by_temperature.csv and the like for what was measured on the way, summary.csv with means and errors.
    """
    from nsim.analysis.exporting import export_csv, export_netcdf
    from nsim.campaign.run_directory import RunDirectory

    folder = directory / "export" if out is None else out
    write = {"netcdf": export_netcdf, "csv": export_csv}[form]
    try:
        written = write(RunDirectory(directory), folder, form == "netcdf" if sites is None else sites)
    except OSError as error:
        raise InputError(file_trouble(error, folder)) from None
    for path in written:
        click.echo(str(path))
    return ExitStatus.DONE
