"""The study file: runs planned and merged, mistakes in one line each, and the studies that ship."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from nsim.errors import InputError
from validation.claims.kinds import KINDS
from validation.study.study_file import load, parse
from validation.study.toml_text import toml_text

SHIPPED = Path(__file__).parents[3] / "examples" / "studies"


def study(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "title": "A study",
        "seed": 5,
        "common": {"model": {"gamma": 4.0, "a2": {"mean": 1.0, "std": 2.0}}},
        "runs": {
            "ground": {"ensemble": {"n": [8, 12], "samples": 3}, "protocol": {"kind": "quench"}},
            "cooling": {
                "ensemble": {"n": 8},
                "model": {"a2": {"low": 0.5, "high": 1.5}},
                "protocol": {"kind": "anneal"},
                "vary": {"protocol.sweeps": [10, 20], "model.gamma": [2.0, 4.5]},
            },
        },
        "claims": [{"kind": "ground-states", "runs": ["ground"]}],
    }
    return whole | changes


def test_runs_are_planned() -> None:
    planned = parse(study())
    assert [one.name for one in planned.runs] == [
        "ground",
        "cooling-10-2",
        "cooling-10-4.5",
        "cooling-20-2",
        "cooling-20-4.5",
    ]
    ground, first = planned.runs[0].run, planned.runs[1].run
    assert ground.model.gamma == 4.0
    assert ground.ensemble.samples_of == {8: 3, 12: 3}
    assert (first.protocol.sweeps, first.model.gamma) == (10, 2.0)
    # A stiffness replaces another as a whole.
    assert first.model.a2.model_dump() == {"low": 0.5, "high": 1.5}
    assert planned.runs[3].varied == {"protocol.sweeps": 20, "model.gamma": 2.0}
    assert [one.name for one in planned.of_block("cooling")] == [one.name for one in planned.runs[1:]]


def test_disorder_is_paired_or_independent() -> None:
    paired = parse(study())
    assert {one.run.seed for one in paired.runs} == {5}
    independent = parse(study(disorder="independent"))
    seeds = [one.run.seed for one in independent.runs]
    # Runs of one block stay paired with each other: they differ in what varies, not in their samples.
    assert seeds[0] != seeds[1]
    assert len(set(seeds[1:])) == 1
    assert [one.run.seed for one in parse(study(disorder="independent")).runs] == seeds
    assert {one.run.seed for one in parse(study(disorder="independent", seed=6)).runs}.isdisjoint(seeds)


def test_written_run_files_say_the_same(tmp_path: Path) -> None:
    for planned in parse(study()).runs:
        assert tomllib.loads(toml_text(planned.table, "two\nlines")) == planned.table


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"titel": "x"}, ["titel: unknown key; did you mean 'title'?"]),
        ({"seed": -1}, ["seed = -1: must be greater than or equal to 0"]),
        ({"runs": {}}, ["runs"]),
        ({"runs": {"a b": {}}}, ["runs"]),
        (
            {"runs": {"ground": {"ensembel": {"n": 8}, "protocol": {"kind": "quench"}}}},
            ["runs.ground.ensembel: unknown key; did you mean 'ensemble'?"],
        ),
        (
            {"runs": {"ground": {"ensemble": {"n": 0}, "protocol": {"kind": "quinch"}}}},
            ["runs.ground.ensemble.n = 0", "runs.ground.protocol.kind = 'quinch'"],
        ),
        (
            {"runs": {"ground": {"ensemble": {"n": 8}, "protocol": {"kind": "quench"}, "vary": {"model.gamma": 3}}}},
            ['runs.ground.vary."model.gamma" = 3: must be a list of values'],
        ),
        ({"claims": [{"kind": "grund"}]}, ["claims[1].kind: 'grund' is no kind of claim; known: rs-exact"]),
        (
            {"claims": [{"kind": "ground-states", "runs": ["grond"]}]},
            ["claims[1].runs: no run 'grond'; known: ground, cooling"],
        ),
        (
            {"claims": [{"kind": "cooling", "runs": ["cooling"], "smalest": 4}]},
            ["claims[1].smalest: unknown key; did you mean 'smallest'?"],
        ),
        ({"common": {"seed": 3}}, ["common: seed cannot be common to all runs"]),
        ({"slurm": {"time": "soon"}}, ["slurm.time = 'soon'"]),
    ],
)
def test_mistakes_are_told_in_one_line_each(changes: dict[str, Any], lines: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(study(**changes))
    told = str(caught.value).splitlines()
    for line in lines:
        assert any(one.startswith(line) for one in told), told
    if "runs" not in changes:
        assert len(told) == len(lines), told


@pytest.mark.parametrize("name", ["smoke", "desk", "cluster"])
def test_shipped_studies_are_right(name: str) -> None:
    shipped = load(SHIPPED / f"{name}.toml")
    assert shipped.title
    judged = {run for claim in shipped.claims for run in claim.runs}
    assert judged
    assert not any(warning for planned in shipped.runs for warning in planned.run.warnings())
    if name == "desk":
        assert {claim.kind for claim in shipped.claims} == set(KINDS)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "nowhere.toml")
    (tmp_path / "wrong.toml").write_text("title = ")
    with pytest.raises(InputError, match="not valid TOML"):
        load(tmp_path / "wrong.toml")
