"""The command line of nsim: exit statuses, JSON, and one clear line for every mistake."""

import json

import numpy as np
import pytest

from nsim.landscape.landscape_tables import COUNTS, FAILURES
from tests.launch import call, data_of


@pytest.fixture
def run_path(run_dict, write_toml):
    return write_toml(run_dict())


def test_run_status_summary_estimate(run_path, tmp_path):
    out = tmp_path / "run"
    done = call("nsim", "run", run_path, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "energy" in done.stdout
    assert "20/20" in done.stderr

    status = json.loads(call("nsim", "status", out, "--json").stdout)
    assert (status["tasks"], status["done"], status["failed"], status["complete"]) == (20, 20, 0, True)
    assert "complete" in call("nsim", "status", out).stdout

    answer = call("nsim", "summary", out, "--json")
    groups = json.loads(answer.stdout)["groups"]
    assert [(g["n"], g["samples"], g["states"], g["temperature"]) for g in groups] == [(12, 6, 18, 0), (20, 4, 12, 0)]
    assert set(groups[0]["observables"]["energy"]) == {"mean", "stderr"}

    estimate = json.loads(call("nsim", "estimate", run_path, "--json").stdout)
    assert estimate["tasks"] == 20
    assert estimate["seconds"] > 0
    assert "GB per rank" in call("nsim", "estimate", run_path).stdout


def test_ground_states_and_correlations(run_dict, write_toml, tmp_path):
    motion = {"kind": "langevin", "duration": 2.0}
    out = tmp_path / "run"
    assert call("nsim", "run", write_toml(run_dict(protocol=motion)), "--out", out).returncode == 0
    found = json.loads(call("nsim", "ground-states", out, "--json").stdout)["groups"][0]
    assert (found["n"], found["samples"], len(found["by_sample"])) == (12, 6, 6)
    assert "times or more in" in call("nsim", "ground-states", out).stdout
    moved = json.loads(call("nsim", "correlations", out, "--json").stdout)["groups"][0]
    assert moved["lag"][0] == 0
    assert "t_w" in call("nsim", "correlations", out).stdout


def test_json_is_alone_on_stdout(run_path, tmp_path):
    done = call("nsim", "run", run_path, "--out", tmp_path / "run", "--json")
    assert set(json.loads(done.stdout)) == {"groups"}


def test_a_path_relative_to_the_run_file(run_dict, write_toml, tmp_path):
    J = np.zeros((5, 5))
    J[0, 1] = J[1, 0] = 1.0
    np.save(tmp_path / "J.npy", J)
    run_path = write_toml(run_dict(ensemble={"n": 5}, couplings={"file": "J.npy"}))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    assert call("nsim", "run", run_path, "--out", "run", cwd=elsewhere).returncode == 0
    assert data_of(elsewhere / "run")
    run_path = write_toml(run_dict(ensemble={"n": 5}, couplings={"file": "J.npy"}, model__j0=2.0))
    for arguments in (["run", run_path, "--out", tmp_path / "other"], ["estimate", run_path]):
        done = call("nsim", *arguments)
        assert done.returncode == 0
        assert "warning: model.j0 is not used: couplings.file gives the couplings" in done.stderr


def one_line(done):
    lines = done.stderr.strip().splitlines()
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "RUN.toml"),
        (["run", "{run}"], "--out"),
        (["run", "{run}", "--oot", "x"], "did you mean"),
        (["run", "missing.toml", "--out", "x"], "No such file"),
        (["walk"], "No such command"),
        (["status", "missing"], "does not exist"),
        (["status", "."], "not a run directory"),
        (["summary", "."], "not a run directory"),
        (["estimate", "{run}", "--ranks", "0"], "--ranks"),
    ],
)
def test_mistakes_on_the_command_line(run_path, tmp_path, arguments, words):
    done = call("nsim", *(a.replace("{run}", str(run_path)) for a in arguments), cwd=tmp_path)
    assert words.lower() in one_line(done).lower()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model__gama": 3.0}, "did you mean 'gamma'"),
        ({"ensemble__n": -5}, "ensemble.n = -5"),
        ({"protocol": {"kind": "tempering", "temperatures": [2.0, 3.0]}}, "temperatures must fall"),
        ({"model__a4": 0.0}, "positive definite"),
        ({"couplings": {"file": "none.npy"}, "ensemble": {"n": 5}}, "none.npy: No such file"),
        ({"ensemble": {"n": 1_000_000}}, "GB are available"),
    ],
)
def test_mistakes_in_the_run_file(run_dict, write_toml, tmp_path, change, words):
    done = call("nsim", "run", write_toml(run_dict(**change)), "--out", tmp_path / "run")
    assert words in one_line(done)
    assert not (tmp_path / "run/results.h5").exists()


def test_another_run_is_refused(run_dict, write_toml, run_path, tmp_path):
    assert call("nsim", "run", run_path, "--out", tmp_path / "run").returncode == 0
    before = data_of(tmp_path / "run")
    other = write_toml(run_dict(seed=5), "other.toml")
    assert "holds another run: seed is 11 there, 5 here" in one_line(
        call("nsim", "run", other, "--out", tmp_path / "run")
    )
    assert data_of(tmp_path / "run") == before
    assert call("nsim", "run", other, "--out", tmp_path / "run", "--restart").returncode == 0


def test_a_place_that_takes_no_files_is_refused_without_a_warning(run_path):
    assert "/proc/none" in one_line(call("nsim", "run", run_path, "--out", "/proc/none"))


def test_one_particle_without_a_field_has_one_energy(run_dict, write_toml, tmp_path):
    """Energies of one minimum, equal up to rounding, have no spread; what is zero up to rounding takes few digits."""
    model = {"gamma": 4.0, "a2": -1.0}
    run_path = write_toml(run_dict(model=model, ensemble={"n": 1, "samples": 6, "replicas": 3}))
    assert call("nsim", "run", run_path, "--out", tmp_path / "run").returncode == 0
    observables = json.loads(call("nsim", "summary", tmp_path / "run", "--json").stdout)["groups"][0]["observables"]
    # v^2 = -6 a2/a4, E = -3 a2^2/(2 a4 gamma)
    for name, value in {"energy": -0.375, "q": 6.0}.items():
        assert observables[name]["stderr"] == 0
        assert observables[name]["mean"] == pytest.approx(value, rel=1e-12)


def test_unconverged_states_give_status_3(run_dict, write_toml, tmp_path):
    run_path = write_toml(run_dict(relaxation__max_iterations=10))
    done = call("nsim", "run", run_path, "--out", tmp_path / "run")
    assert done.returncode == 3
    assert "did not converge" in done.stderr


def test_a_full_disk_is_one_line_and_loses_nothing_sealed(run_path, tmp_path):
    """A limit on the size of files stands in for a full disk."""
    import resource
    import subprocess

    from tests.launch import command, environment

    out = tmp_path / "run"
    done = subprocess.run(
        command("nsim", "run", run_path, "--out", out),
        capture_output=True,
        text=True,
        # Coverage would meet the limit, too, when it writes its own file.
        env={name: value for name, value in environment().items() if not name.startswith("COV")},
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000)),
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert call("nsim", "run", run_path, "--out", out).returncode == 0
    assert call("nsim", "run", run_path, "--out", tmp_path / "whole").returncode == 0
    assert data_of(out) == data_of(tmp_path / "whole")


def test_help_is_quick_and_complete():
    done = call("nsim", "--help")
    assert done.returncode == 0
    for word in ("run", "status", "summary", "estimate", "85"):
        assert word in done.stdout
    assert call("nsim", "--version").returncode == 0


def test_exhaustive_landscape(tmp_path):
    # Two sites with J = 0 and a2 = -2: wells at v^2 = 12 with U = -6/gamma each, tops at v = 0.
    np.save(tmp_path / "J.npy", np.zeros((2, 2)))
    arguments = ("nsim", "landscape", "--couplings", "J.npy", "--gamma", "4", "--a2", "-2", "--exhaustive")
    out = tmp_path / "out"
    done = call(*arguments, "--json", "--out", out, "--plot", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["minima"] == pytest.approx([-3.0] * 4, abs=1e-9)
    assert [saddle["energy"] for saddle in answer["saddles"]] == pytest.approx([-1.5] * 4, abs=1e-9)
    assert {tuple(saddle["minima"]) for saddle in answer["saddles"]} <= {(i, j) for i in range(4) for j in range(4)}
    assert answer["complete"] is True
    assert (out / "disconnectivity.png").stat().st_size > 5000

    short = call(*arguments, "--json", "--searches", "1", cwd=tmp_path)
    assert short.returncode == 3
    assert json.loads(short.stdout)["complete"] is False


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("--gamma", "-4"), "model.gamma"),
        (("--gamma", "nan"), "model.gamma"),
        (("--a4", "0"), "positive definite"),
        (("--couplings", "none.npy"), "none.npy"),
        (("--plot",), "--out"),
        (("--time-limit", "60"), "--time-limit is for a run DIRECTORY"),
    ],
)
def test_mistakes_in_a_landscape(tmp_path, change, word):
    np.save(tmp_path / "J.npy", np.array([[0.0, 1.0], [1.0, 0.0]]))
    base = ("nsim", "landscape", "--couplings", "J.npy", "--gamma", "4", "--exhaustive")
    assert word in one_line(call(*base, *change, cwd=tmp_path))


def test_landscape_of_a_run(run_dict, write_toml, tmp_path):
    import xarray as xr

    run = run_dict(ensemble={"n": [12, 20], "samples": [3, 2], "replicas": 3})
    out = tmp_path / "run"
    assert call("nsim", "run", write_toml(run), "--out", out).returncode == 0
    done = call("nsim", "landscape", out, "--json", "--plot")
    assert done.returncode == 0, done.stderr
    groups = json.loads(done.stdout)["groups"]
    assert [group["n"] for group in groups] == [12, 20]
    assert [group["counts"]["states"] for group in groups] == [9, 6]
    assert groups[1]["minima"] >= groups[1]["explored_minima"] > 1
    for picture in ("wells", "participation", "paths", "scan", "reaction", "disconnectivity"):
        assert (out / "landscape" / f"n20-{picture}.png").stat().st_size > 5000
    for group in groups:
        assert group["descent"] == "conjugate-gradient"
        assert group["counts"]["scans"] == 4 * group["explored_minima"]
        assert group["counts"]["walks"] == 16 * group["explored_minima"]
        assert len(group["pairs_by_saddles"]) >= 2
    first = data_of(out, "landscape.h5")
    with xr.open_datatree(out / "landscape.h5", engine="h5netcdf") as tree:
        group = tree["n20"]
        assert group["saddle_asymmetry"].attrs["units"] == "E0"
        assert group["saddle_v"].dims == ("saddle", "site")
        assert len(group["minimum_energy"]) == groups[1]["minima"]
        assert len(group["pair_state"]) == sum(groups[1]["pairs_by_saddles"])
        assert group["avalanche_drop"].attrs["units"] == "E0"
        assert group["step_x"].dims == ("step",)
        # Every saddle lies above both of the minima it joins.
        assert (group["saddle_barrier_upper"].values[group["saddle_first"].values >= 0] >= 0).all()

    # A damaged part and one of other states are computed again, the others kept.
    damaged = out / "landscape" / "n12-sample00001.h5"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    again = call("nsim", "landscape", out)
    assert again.returncode == 0, again.stderr
    assert "1 of 5 samples to explore" in again.stderr
    assert data_of(out, "landscape.h5") == first

    # The same as part of the run, with another section.
    run["double_wells"] = {"bands": 0, "modes": 0}
    whole = call("nsim", "run", write_toml(run), "--out", out)
    assert whole.returncode == 0, whole.stderr
    assert "5 of 5 samples to explore" in whole.stderr
    assert data_of(out, "landscape.h5") != first


def test_what_a_landscape_prints(run_dict, write_toml, tmp_path):
    """In short form failures that happened, in words of their own; with --verbose every counter."""
    out = tmp_path / "run"
    ensemble = {"n": 12, "samples": 2, "replicas": 3}
    assert call("nsim", "run", write_toml(run_dict(ensemble=ensemble)), "--out", out).returncode == 0
    counts = json.loads(call("nsim", "landscape", out, "--json").stdout)["groups"][0]["counts"]
    short, verbose = (call("nsim", "landscape", out, *more).stdout for more in ((), ("--verbose",)))
    assert counts.keys() == COUNTS.keys() > FAILURES.keys()
    assert all(f"  {name:<28}{count:>8}  " in verbose for name, count in counts.items())
    shown = {name for name in counts if f"  {name:<28}" in short}
    assert shown == {name for name in FAILURES if counts[name]}
    assert not any(words.startswith("...") for words in FAILURES.values())
    assert "minima, of them" in short
    assert "pairs met" in short


def test_a_run_that_did_not_converge(run_dict, write_toml, tmp_path):
    out = tmp_path / "run"
    ensemble = {"n": 64, "samples": 2, "replicas": 3}
    file = write_toml(run_dict(ensemble=ensemble, relaxation={"max_iterations": 1}))
    assert call("nsim", "run", file, "--out", out).returncode == 3
    assert "6 of 6 states did not converge" in call("nsim", "status", out).stdout
    assert json.loads(call("nsim", "status", out, "--json").stdout)["states_unconverged"] == 6
    for more in ((), ("--json",)):
        done = call("nsim", "landscape", out, *more)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr.strip() == f"{out}: none of its states converged, there is nothing to explore"


def test_summary_of_an_unfinished_run(run_dict, write_toml, tmp_path):
    out = tmp_path / "run"
    ensemble = {"n": [12, 16], "samples": [4, 3], "replicas": 2}
    assert call("nsim", "run", write_toml(run_dict(ensemble=ensemble)), "--out", out, "--share", "1/2").returncode == 0
    done = call("nsim", "summary", out)
    assert done.returncode == 0
    rows = json.loads(call("nsim", "summary", out, "--json").stdout)["unfinished"]
    assert [(row["n"], row["samples_asked"]) for row in rows] == [(12, 4), (16, 3)]
    assert sum(row["samples_done"] for row in rows) in (3, 4)
    words = [f"{row['samples_done']} of {row['samples_asked']}" for row in rows]
    assert f"not complete, done are n = 12: {words[0]} samples; n = 16: {words[1]} samples" in done.stderr
    assert all(f"unfinished: {word}" in done.stdout for word in words)
    assert call("nsim", "run", tmp_path / "run.toml", "--out", out).returncode == 0
    done = call("nsim", "summary", out)
    assert done.stderr == ""
    assert "unfinished:" not in done.stdout


def test_mistakes_in_the_landscape_of_a_run(tmp_path):
    assert "not a run directory" in one_line(call("nsim", "landscape", tmp_path))
    assert "either" in one_line(call("nsim", "landscape", tmp_path, "--exhaustive"))
    assert "--seed" in one_line(call("nsim", "landscape", tmp_path, "--seed", "0"))
    assert "not a time" in one_line(call("nsim", "landscape", tmp_path, "--time-limit", "soon"))


def test_spectrum_of_a_run(run_dict, write_toml, tmp_path):
    out, picture = tmp_path / "run", tmp_path / "modes.png"
    run = run_dict(output={"spectrum": True})
    assert call("nsim", "run", write_toml(run), "--out", out).returncode == 0
    done = call("nsim", "spectrum", out, "--mass", "2", "--json", "--plot", picture)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [(g["n"], g["samples"], g["states"], g["modes"]) for g in answer["groups"]] == [
        (12, 6, 18, 12),
        (20, 4, 12, 20),
    ]
    assert picture.stat().st_size > 20_000
    text = call("nsim", "spectrum", out).stdout
    assert "lowest eigenvalue ~ N^x" in text
    assert "must be positive" in one_line(call("nsim", "spectrum", out, "--mass", "-1"))
    assert "no such folder" in one_line(call("nsim", "spectrum", out, "--plot", tmp_path / "nowhere" / "a.png"))
    long = tmp_path / f"{'a' * 300}.png"  # a name that no file system takes
    assert one_line(call("nsim", "spectrum", out, "--plot", long)) == f"nsim: error: {long}: File name too long"
    assert "not a run directory" in one_line(call("nsim", "spectrum", tmp_path))
    run["output"]["response"] = False
    assert "output.response" in one_line(call("nsim", "run", write_toml(run), "--out", tmp_path / "other"))
