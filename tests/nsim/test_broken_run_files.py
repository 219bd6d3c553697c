"""A thousand broken run files: never a traceback, never the start of a run, and what is broken is named."""

from unittest import mock

import hypothesis
import pytest
from hypothesis import strategies as st

from nsim.cli import cli
from nsim.errors import InputError
from nsim.run_file import RunFile

GOOD = {
    "seed": "7",
    "model.gamma": "4.0",
    "model.j0": "0.5",
    "model.a2": "{mean = 1.0, std = 0.5}",
    "model.a4": "1.0",
    "model.field": "0.1",
    "ensemble.n": "[8, 12]",
    "ensemble.samples": "[3, 2]",
    "ensemble.replicas": "4",
    "ensemble.batch": "2",
    "protocol.kind": '"anneal"',
    "protocol.start": '"random"',
    "protocol.start_std": "3.0",
    "protocol.sweeps": "200",
    "protocol.t_start": "40.0",
    "protocol.t_end": "0.5",
    "protocol.schedule": '"linear"',
    "relaxation.tolerance": "1e-10",
    "relaxation.max_iterations": "100",
    "quantum.hbar2_over_m": "1.0",
    "output.sites": "true",
    "output.eigenvalues": "4",
    "double_wells.bands": "3",
}
REQUIRED = ("seed", "model.gamma", "ensemble.n", "protocol.kind")
# Wrong for every key: a date, a nested list, a table of unknown keys, text that is no choice, numbers out of bounds.
WRONG = ["1979-05-27", "[[1]]", "{x = 1}", '"no such thing"', "-1e300", "nan", "-inf", '""', "[true]", "-9e18"]
# Not TOML at all.
GARBAGE = ["= 3", "seed = ", "[model", "a = [1, ", "\x00", "seed = 1\nseed = 2", 'x = "', "\ud800"]

breakings = st.lists(
    st.one_of(
        st.tuples(st.just("value"), st.sampled_from(sorted(GOOD)), st.sampled_from(WRONG)),
        st.tuples(st.just("unknown"), st.sampled_from(sorted(GOOD)), st.text("abcdefghij_", min_size=1, max_size=6)),
        st.tuples(st.just("missing"), st.sampled_from(REQUIRED), st.just("")),
        st.tuples(st.just("section"), st.text("klmnop", min_size=2, max_size=8), st.sampled_from(WRONG)),
        st.tuples(st.just("garbage"), st.just(""), st.sampled_from(GARBAGE)),
    ),
    min_size=1,
    max_size=4,
)


def broken(changes):
    """A run file with some things broken, and what must be named of each."""
    entries, named, garbage = dict(GOOD), [], []
    for kind, key, value in changes:
        if kind == "value":
            if entries.get(key) == GOOD[key]:
                entries[key] = value
                named.append(key)
        elif kind == "unknown":
            entries[f"{key.rpartition('.')[0]}.zz{value}".lstrip(".")] = "1"
            named.append(f"zz{value}")
        elif kind == "missing":
            entries.pop(key, None)
            named = [name for name in named if name != key] + [key]
        elif kind == "section":
            entries[f"{key}.x"] = value
            named.append(key)
        else:
            garbage.append(value)
    sections = {}
    for key, value in entries.items():
        section, _, name = key.rpartition(".")
        sections.setdefault(section, []).append(f"{name} = {value}")
    lines = sections.pop("", [])
    for section, content in sections.items():
        lines += [f"[{section}]", *content]
    return "\n".join([*garbage, *lines]), [] if garbage else named


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("broken")


@hypothesis.settings(max_examples=1000, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(breakings)
def test_a_thousand_broken_run_files(folder, changes):
    text, named = broken(changes)
    path, out = folder / "run.toml", folder / "out"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with (
        mock.patch("nsim.campaign.campaign.run_campaign", side_effect=AssertionError("a run was started")),
        pytest.raises(InputError) as caught,
    ):
        cli.main(["run", str(path), "--out", str(out)], standalone_mode=False)
    lines = str(caught.value).split("\n")
    assert all(line.startswith(f"run file {path}: ") and line.isprintable() for line in lines)
    assert max(map(len, lines)) < len(str(path)) + 500
    for name in named:
        assert any(name in line for line in lines), (name, lines)
    assert not out.exists()


def test_the_unbroken_file_is_a_run(folder):
    """The negative control: what is broken above is right before."""
    path = folder / "good.toml"
    path.write_text(broken([])[0])
    with mock.patch("nsim.campaign.campaign.run_campaign", side_effect=KeyError("started")), pytest.raises(KeyError):
        cli.main(["run", str(path), "--out", str(folder / "good")], standalone_mode=False)
    assert {key.split(".")[0] for key in GOOD} <= set(RunFile.model_fields)
