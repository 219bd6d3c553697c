"""The command line of ``meanfield``: keys, exit statuses, one clear line for bad input."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import h5py
import pytest

from meanfield.commands.ending import finish

KEYS = {
    "ansatz", "gamma", "temperature", "j0", "free_energy", "internal_energy", "p", "C", "q", "q_diag",
    "mu", "replicon", "converged", "residual", "solutions",
}  # fmt: skip


LONG = "a" * 300  # a name that no file system takes


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meanfield", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_solve_prints_only_json():
    result = run("solve", "--ansatz", "1rsb", "--gamma", "4", "--j0", "-1e-3", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    assert numbers.keys() >= KEYS
    assert numbers["j0"] == -1e-3
    assert numbers["free_energy"] == pytest.approx(-12.133105, abs=1e-6)
    assert (len(numbers["q"]), len(numbers["mu"])) == (2, 1)
    assert numbers["entropy"] is None
    assert numbers["converged"] is True


def test_full_breaking_prints_its_error():
    result = run("solve", "--ansatz", "frsb", "--gamma", "4", "--steps", "4", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    assert numbers.keys() >= KEYS | {"error", "susceptibility", "pseudogap_slope"}
    assert 0 < numbers["error"] < 1e-3
    assert abs(numbers["free_energy"] + 12.106391) < numbers["error"]
    assert (len(numbers["q"]), len(numbers["mu"])) == (5, 4)
    # Two energies do not determine the limit: an answer, but not a converged one.
    result = run("solve", "--ansatz", "frsb", "--gamma", "4", "--steps", "2", "--json")
    assert (result.returncode, json.loads(result.stdout)["converged"]) == (3, False)
    assert "error of the limit" in result.stderr


def test_coexisting_solutions_and_files(tmp_path):
    h5, png = tmp_path / "s.h5", tmp_path / "s.png"
    arguments = ["--gamma=1", "--j0=3e0", "--json", "--out", str(h5), "--plot", str(png)]
    result = run("solve", "--ansatz=rs", *arguments)
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    assert numbers["p"] == pytest.approx(3.468874, abs=1e-6)
    assert [other["phase"] for other in numbers["solutions"]] == ["glassy"]
    assert numbers["solutions"][0].keys() >= KEYS
    assert png.read_bytes().startswith(b"\x89PNG")
    assert h5.stat().st_size > 0


def test_table_for_people():
    result = run("solve", "--ansatz", "rs", "--potential", "ising", "--temperature", "0.5")
    assert result.returncode == 0
    assert "free_energy" in result.stdout
    assert "glassy" in result.stdout


def test_glass_temperature():
    result = run("glass-temperature", "--gamma", "4", "--json")
    assert json.loads(result.stdout)["glass_temperature"] == pytest.approx(21.550713, abs=5e-7)
    result = run("glass-temperature", "--gamma", "0.4", "--json")
    assert (result.returncode, json.loads(result.stdout)["glass_temperature"]) == (0, None)


def test_levels_are_absolute():
    result = run("levels", "--gamma=1", "--C=-1e4", "--h=-2e2", "--hbar2-over-m=1e-2", "--levels=3", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    # Nearly harmonic, of stiffness C' = 1e4 + 1: -h^2/(2 C') + hbar omega (n + 1/2), the quartic term small.
    expected = [-2.0 + 10.0005 * (n + 0.5) for n in range(3)]
    assert numbers["levels"] == pytest.approx(expected, abs=1e-3)
    assert numbers["double_well"] is None
    assert "E_1 - E_0" in run("levels", "--gamma=4", "--C=0.9", "--h=0", "--hbar2-over-m=1e-2", "--levels=2").stdout


def test_sweep(tmp_path):
    h5, png = tmp_path / "sweep.h5", tmp_path / "sweep.png"
    result = run("solve", "--ansatz=rs", "--gamma=0.4:4:3", "--json", "--out", str(h5), "--plot", str(png))
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    assert numbers["sweep"] == {"gamma": [0.4, 2.2, 4.0], "temperature": [0.0], "j0": [0.0]}
    assert [point["phase"] for point in numbers["points"]] == ["ergodic", "glassy", "glassy"]
    assert all(point.keys() >= KEYS for point in numbers["points"])
    assert png.read_bytes().startswith(b"\x89PNG")
    assert h5.stat().st_size > 0
    table = run("solve", "--ansatz=rs", "--gamma=4", "--temperature=20,30").stdout
    assert "glassy" in table
    assert "ergodic" in table


def test_local_potentials(tmp_path):
    h5, csv = tmp_path / "e.h5", tmp_path / "e.csv"
    result = run("local-potentials", "--ansatz=1rsb", "--gamma=4", "--json", "--out", str(h5))
    assert (result.returncode, result.stderr) == (0, "")
    ensemble = json.loads(result.stdout)
    assert ensemble["double_well_fraction"] == pytest.approx(0.030, abs=5e-3)
    assert len(ensemble["h"]) == len(ensemble["weight"]) == ensemble["count"]
    assert sum(ensemble["weight"]) == pytest.approx(1.0, abs=1e-12)
    assert ensemble["mean_field"] == pytest.approx(0.0, abs=1e-12)
    with h5py.File(h5) as file:
        assert list(file["h"][:]) == ensemble["h"]
    table = run("local-potentials", "--ansatz=rs", "--gamma=4", "--temperature=1", "--out", str(csv)).stdout
    assert "fraction with two wells" in table
    assert csv.read_text().splitlines()[0] == "h,C,a2,a4,gamma,weight"
    assert run("local-potentials", "--ansatz=rs", "--gamma=0.4", "--json").returncode == 0


def test_phase_diagram(tmp_path):
    csv, png = tmp_path / "plane.csv", tmp_path / "plane.png"
    arguments = ["--j0", "0.5:1.5", "--gamma", "0.3:1.5", "--points", "8", "--json"]
    result = run("phase-diagram", *arguments, "--out", str(csv), "--plot", str(png))
    assert (result.returncode, result.stderr) == (0, "")
    diagram = json.loads(result.stdout)
    assert (diagram["plane"], diagram["fixed"], diagram["converged"]) == ("j0-gamma", {"temperature": 0.0}, True)
    lines = {line["name"]: line for line in diagram["lines"]}
    assert lines["ergodic-glass"]["inverse_gamma"] == pytest.approx([2.0] * len(lines["ergodic-glass"]["gamma"]))
    assert {line["ansatz"] for line in diagram["lines"]} == {"rs"}
    assert lines["double-wells"]["exact"] is False
    rows = csv.read_text().splitlines()
    assert rows[0] == "line,ansatz,gamma,j0,temperature,p,q,C,error"
    assert len(rows) == 1 + sum(len(line["gamma"]) for line in diagram["lines"])
    assert png.read_bytes().startswith(b"\x89PNG")


def test_thermodynamics(tmp_path):
    h5, png = tmp_path / "t.h5", tmp_path / "t.png"
    arguments = ["--ansatz=rs", "--gamma=4", "--hbar2-over-m=0.1", "--out", str(h5), "--plot", str(png), "--json"]
    result = run("thermodynamics", *arguments, "--temperatures=0,1e-4,2e-4,1e6")
    assert (result.returncode, result.stderr) == (0, "")
    numbers = json.loads(result.stdout)
    assert numbers.keys() >= {"temperature", "specific_heat", "entropy", "error", "converged"}
    C = numbers["specific_heat"]
    assert C[0] == numbers["entropy"][0] == 0
    assert C[2] / C[1] == pytest.approx(2.0, rel=1e-6)
    assert C[3] == pytest.approx(0.75, abs=1e-3)
    assert png.read_bytes().startswith(b"\x89PNG")
    # The ensemble of a solution's file has fewer fields near h = 0 but the same high temperatures.
    solution = tmp_path / "s.h5"
    assert run("solve", "--ansatz=rs", "--gamma=4", "--out", str(solution)).returncode == 0
    again = run("thermodynamics", f"--potentials={solution}", "--hbar2-over-m=0.1", "--temperatures=1:10:3", "--json")
    direct = run("thermodynamics", *arguments, "--temperatures=1:10:3")
    pair = [json.loads(one.stdout)["specific_heat"] for one in (again, direct)]
    assert pair[0] == pytest.approx(pair[1], rel=1e-6)
    assert again.stderr == ""
    # Below the spacing of its fields the file says so.
    cold = run("thermodynamics", f"--potentials={solution}", "--hbar2-over-m=0.1", "--temperatures=1e-4")
    assert (cold.returncode, len(cold.stderr.splitlines())) == (0, 1)
    assert "near h = 0" in cold.stderr
    table = run("thermodynamics", "--ansatz=rs", "--gamma=4", "--hbar2-over-m=0.1", "--temperatures=0.1,1")
    assert "sites with two wells" in table.stdout


def test_empty_plane_and_several_curves(tmp_path):
    result = run("phase-diagram", "--gamma", "5:6", "--j0", "0.1:0.2", "--points", "5")
    assert (result.returncode, result.stderr) == (0, "")
    assert "no line in this plane" in result.stdout
    picture = tmp_path / "sweep.svg"
    assert run("solve", "--ansatz=rs", "--gamma=1:2:3", "--j0=0,2.5", "--plot", str(picture)).returncode == 0
    # Text is drawn as outlines, beside a comment that spells it.
    assert "<!-- $J_0$ = 2.5 -->" in picture.read_text()


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["solve", "--ansatz", "rs", "--gamma", "-1"], "gamma"),
        (["solve", "--ansatz", "rs", "--gamma", "nan"], "gamma"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--a4", "0"], "a4"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--temperature=-1"], "temperature"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--temperature=inf"], "temperature"),
        (["solve", "--ansatz", "rs", "--gamma", "four"], "four"),
        (["solve", "--ansatz", "rs"], "--gamma"),
        (["solve", "--gamma", "4"], "--ansatz"),
        (["solve", "--ansatz", "krsb", "--gamma", "4"], "steps"),
        (["solve", "--ansatz", "krsb", "--gamma", "4", "--steps", "0"], "steps"),
        (["solve", "--ansatz", "xrsb", "--gamma", "4"], "xrsb"),
        (["solve", "--ansatz", "frsb", "--gamma", "4", "--temperature", "1", "--steps", "17"], "steps"),
        (["solve", "--ansatz", "rs", "--gama", "4"], "--gamma"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--a2-low", "1"], "--a2-high"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--a2-low", "2", "--a2-high", "1"], "a2 low"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--a2-low", "1", "--a2-high", "2", "--a2", "1"], "either"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--a2-std", "-1"], "std"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--out", "no/such/place.h5"], "no such directory"),
        (["glass-temperature", "--gamma", "0"], "gamma"),
        (["solve", "--ansatz", "rs", "--gamma", "1:4"], "FROM:TO:COUNT"),
        (["solve", "--ansatz", "rs", "--gamma", "1:4:1"], "FROM:TO:COUNT"),
        (["solve", "--ansatz", "rs", "--gamma", "1,-4"], "gamma"),
        (["solve", "--ansatz", "rs", "--gamma", "1", "--temperature", "1,-1"], "temperature"),
        (["levels", "--gamma", "4", "--C", "nan", "--h", "0", "--hbar2-over-m", "1", "--levels", "2"], "C must"),
        (["levels", "--gamma", "4", "--C", "1", "--h", "0", "--hbar2-over-m", "0", "--levels", "2"], "hbar2_over_m"),
        (["levels", "--gamma", "4", "--C", "1", "--h", "0", "--hbar2-over-m", "1", "--levels", "0"], "levels"),
        (["phase-diagram", "--gamma", "4"], "LOW:HIGH"),
        (["local-potentials", "--ansatz", "rs", "--gamma", "4", "--nodes", "0"], "--nodes"),
        (["local-potentials", "--ansatz", "rs", "--gamma", "4", "--nodes", "100000"], "--nodes"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--out", "x.csv"], "--out"),
        (["solve", "--ansatz", "frsb", "--gamma", "4", "--plot", "x.xyz"], "--plot"),
        (["local-potentials", "--ansatz", "rs", "--potential", "ising"], "Ising"),
        (["phase-diagram", "--gamma", "4:1"], "low < high"),
        (["phase-diagram", "--gamma", "1:two"], "1:two"),
        (["phase-diagram", "--plane", "j0-temperature"], "--gamma"),
        (["phase-diagram", "--ansatz", "2rsb"], "2rsb"),
        (["phase-diagram", "--ansatz", "rs,1rsb", "--a2-std", "1"], "beyond RS"),
        (["phase-diagram", "--points", "1"], "points"),
        (["phase-diagram", "--temperature=-1"], "temperature"),
        (["thermodynamics", "--gamma=4", "--ansatz=rs", "--hbar2-over-m=1", "--temperatures=-1"], "temperatures"),
        (["thermodynamics", "--gamma=4", "--ansatz=rs", "--hbar2-over-m=1", "--temperatures=1,x"], "temperatures"),
        (["thermodynamics", "--gamma=4", "--ansatz=rs", "--hbar2-over-m=1", "--temperatures=1:0:4"], "LOW"),
        (["thermodynamics", "--gamma=4", "--ansatz=rs", "--hbar2-over-m=-1", "--temperatures=1"], "hbar2_over_m"),
        (["thermodynamics", "--gamma=4", "--hbar2-over-m=1", "--temperatures=1"], "--ansatz"),
        (
            ["thermodynamics", "--ansatz=rs", "--potential=ising", "--hbar2-over-m=1", "--temperatures=1"],
            "Ising spins",
        ),
        (["sovle"], "solve"),
        (["local-potentials", "--ansatz", "krsb", "--gamma", "4"], "--steps"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--out", LONG], f": error: {LONG}: File name too long\n"),
        (["solve", "--ansatz", "rs", "--gamma", "4", "--plot", LONG], f": error: {LONG}.png: File name too long\n"),
    ],
)
def test_bad_input_gets_one_line(arguments, word):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert word in result.stderr
    assert "Traceback" not in result.stderr


def test_help_says_the_version_and_the_statuses():
    assert "version" in run("--version").stdout
    text = " ".join(run("--help").stdout.split())
    for words in ("0 done", "1 an internal error", "2 bad input", "3 not converged", "85 stopped"):
        assert words in text


def test_help_imports_no_numerics():
    code = "import sys, meanfield.cli; sys.exit(any(n in sys.modules for n in ('numpy', 'scipy', 'rich')))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
    result = run("solve", "--help")
    assert result.returncode == 0
    assert "--a2-std" in result.stdout


def test_not_converged_is_said(monkeypatch, capsys):
    import dataclasses

    from meanfield import cli
    from meanfield.replicas import solver

    def stuck(model, ansatz="rs", temperature=0.0, steps=None, solve=solver.solve):
        return dataclasses.replace(solve(model, ansatz, temperature, steps), converged=False, residual=1e-3)

    monkeypatch.setattr(solver, "solve", stuck)
    monkeypatch.setattr(sys, "argv", ["meanfield", "solve", "--ansatz", "rs", "--gamma", "4", "--json"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 3
    output = capsys.readouterr()
    numbers = json.loads(output.out)
    assert (numbers["converged"], numbers["residual"]) == (False, 1e-3)
    assert "not converged" in output.err


def test_an_ending_writes_files_first_and_tells_what_did_not_converge(capsys):
    written = []

    def tell(failure="", save=written.append, as_json=True):
        ways = (lambda: {"q": 1.0}, lambda: click.echo("a table"))
        return finish(as_json, *ways, failure, ("out", save), ("plot", written.append))

    def fail(path):
        raise PermissionError(13, "Permission denied", path)

    assert tell() == 0
    assert json.loads(capsys.readouterr().out) == {"q": 1.0}
    assert tell(as_json=False) == 0
    assert capsys.readouterr().out == "a table\n"
    assert written == ["out", "plot"] * 2
    assert tell("one line") == 3
    told = capsys.readouterr()
    assert (json.loads(told.out), told.err) == ({"q": 1.0}, "meanfield: one line\n")
    with pytest.raises(PermissionError):
        tell(save=fail)
    assert capsys.readouterr().out == ""
