"""The run file: what is accepted, what is refused, and in which words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nsim.errors import InputError
from nsim.run_file import load, parse


def test_defaults_are_filled_in_and_recorded(run_dict):
    run = parse(run_dict())
    record = run.resolved()
    assert record["model"] == {"gamma": 4.0, "j0": 0.0, "a2": 1.0, "a4": 1.0, "field": 0.0}
    # The natural length sqrt(6 gamma/a4) and its square set the start and the temperatures.
    assert record["protocol"]["start_std"] == pytest.approx(24**0.5)
    assert record["protocol"]["t_start"] == pytest.approx(48.0)
    assert record["relaxation"]["tolerance"] == 1e-10
    assert parse(record).resolved() == record
    assert run.ensemble.samples_of == {12: 6, 20: 4}


@pytest.mark.parametrize("a2", [-2.0, {"mean": 1.0, "std": 3.0}, {"low": -2.0, "high": 5.0}])
def test_soft_sites_start_wider_and_hotter(run_dict, a2):
    """Gamma = 1, a2 = -2: T_g = 15.06, above 12 gamma/a4."""
    recipe = parse(run_dict(model={"gamma": 1.0, "a2": a2})).recipe
    assert recipe.start_std == pytest.approx(18**0.5)
    assert recipe.t_start == pytest.approx(36.0)


def test_identity_leaves_out_only_what_may_grow(run_dict):
    base = parse(run_dict()).identity()
    assert parse(run_dict(ensemble__samples=9, ensemble__replicas=7)).identity() == base
    for change in (
        {"seed": 12},
        {"model__gamma": 4.1},
        {"ensemble__n": [12, 21]},
        {"ensemble__batch": 3},
        {"protocol__kind": "anneal"},
        {"relaxation__tolerance": 1e-11},
    ):
        assert parse(run_dict(**change)).identity() != base, change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model__gama": 1.0}, ["model.gama", "did you mean 'gamma'"]),
        ({"modle": {}}, ["modle", "did you mean 'model'"]),
        ({"model__gamma": -1.0}, ["model.gamma = -1.0", "greater than 0"]),
        ({"model__gamma": float("nan")}, ["model.gamma", "finite"]),
        ({"model__gamma": "4"}, ["model.gamma = '4'", "number"]),
        ({"model__gamma": True}, ["model.gamma", "number"]),
        ({"model__a4": -0.5}, ["model.a4 = -0.5"]),
        ({"model__a2": {"mean": 1.0, "sdt": 5.0}}, ["model.a2.sdt", "did you mean 'std'"]),
        ({"model__a2": {"mean": 1.0, "low": 2.0}}, ["model.a2: give either mean and std, or low and high"]),
        (
            {"model__a2": {"std": 1.0, "mean": 0, "high": 2}},
            ["model.a2: give either mean and std, or low and high"],
        ),
        ({"model__a2": {"low": 3.0, "high": 2.0}}, ["low = 3", "above high = 2"]),
        ({"model": 3}, ["model = 3", "table"]),
        ({"ensemble__n": 0}, ["ensemble.n = 0"]),
        ({"ensemble__n": [8, 0]}, ["ensemble.n.1 = 0"]),
        ({"ensemble__n": []}, ["n is an empty list"]),
        ({"ensemble__n": [8, 8]}, ["names a size twice"]),
        ({"ensemble__samples": [1, 2, 3]}, ["samples has 3 entries where n has 2"]),
        ({"ensemble__samples": 1.5}, ["ensemble.samples = 1.5"]),
        ({"protocol__kind": "temper"}, ["protocol.kind = 'temper'", "'tempering' or 'langevin'"]),
        ({"protocol__t_start": 1.0, "protocol__t_end": 2.0}, ["t_end = 2", "above t_start = 1"]),
        ({"protocol__t_end": 1e3}, ["t_end = 1000", "above"]),
        ({"protocol__temperatures": []}, ["temperatures is an empty list"]),
        ({"protocol__temperatures": [3.0, 3.0]}, ["temperatures must fall"]),
        ({"protocol__temperatures": [3.0, -1.0]}, ["protocol.temperatures.1 = -1.0"]),
        ({"protocol__temperatures": 1}, ["protocol.temperatures = 1", "greater than or equal to 2"]),
        ({"protocol__temperatures": "many"}, ["protocol.temperatures = 'many'"]),
        ({"protocol__burn_in": -1}, ["protocol.burn_in = -1"]),
        ({"protocol__swap_evry": 1}, ["protocol.swap_evry", "did you mean 'swap_every'"]),
        ({"protocol": {"kind": "tempering", "sweeps": 4}}, ["sweeps = 4", "measure_every = 5"]),
        ({"seed": -1}, ["seed = -1"]),
        ({"model__gamma": 1e-300}, ["model.gamma = 1e-300"]),
        ({"model__field": 1e200}, ["model.field = 1e+200"]),
        ({"ensemble__samples": 10**9}, ["tasks", "several seeds"]),
        ({"seed": True}, ["seed"]),
        ({"couplings": {"file": "J.npy"}, "ensemble": {"n": 8, "samples": 2}}, ["couplings.file gives one sample"]),
    ],
)
def test_mistakes_are_named_in_one_line(run_dict, change, words):
    with pytest.raises(InputError) as caught:
        parse(run_dict(**change))
    (line,) = str(caught.value).splitlines()
    for word in words:
        assert word in line


@pytest.mark.parametrize("path", ["seed", "model.gamma", "ensemble.n", "protocol.kind"])
def test_required_keys(run_dict, path):
    run = run_dict()
    section, _, key = path.partition(".")
    if key:
        del run[section][key]
    else:
        del run[section]
    with pytest.raises(InputError, match=f"^{path}: missing"):
        parse(run)


def test_all_mistakes_at_once(run_dict):
    with pytest.raises(InputError) as caught:
        parse(run_dict(model__gamma=0.0, ensemble__replicas=0, protocol__sweps=3))
    assert len(str(caught.value).splitlines()) == 3


def test_mistakes_between_sections_are_found_beside_others(run_dict):
    """What is wrong in one section hides nothing of what others get wrong together."""
    with pytest.raises(InputError) as caught:
        parse(
            run_dict(
                model__gamma=-1.0,
                seed="x",
                couplings={"file": "J.npy"},
                output={"sites": False},
                double_wells={"bands": -1},
                protocol={
                    "kind": "anneal",
                    "temperatures": [],
                    "waiting_times": [300.0, 2.0],
                    "t_start": 1,
                    "t_end": 2,
                },
            )
        )
    lines = str(caught.value).splitlines()
    for words in (
        "model.gamma = -1.0: must be greater than 0",
        "seed = 'x'",
        "double_wells.bands = -1",
        "protocol: temperatures is an empty list",
        "protocol: waiting_times must rise",
        "protocol: t_end = 2 is above t_start = 1",
        "couplings.file gives one size",
        "couplings.file gives one sample",
    ):
        assert sum(words in line for line in lines) == 1, (words, lines)
    assert len(lines) == 8


def test_a_merged_run_is_not_written_by_people(run_dict, write_toml):
    with pytest.raises(InputError, match="merged: unknown key"):
        load(write_toml(run_dict(merged=[])))
    with pytest.raises(InputError) as caught:
        parse(run_dict(mergd=1))
    assert "'merged'" not in str(caught.value)


def test_a_tempering_fills_in_what_ladders_need(run_dict):
    run = run_dict(protocol={"kind": "tempering", "sweeps": 300})
    del run["ensemble"]["replicas"]
    checked = parse(run)
    assert checked.ensemble.replicas == 2  # overlaps need pairs
    recipe = checked.recipe
    assert (recipe.burn_in, recipe.t_start, recipe.t_end) == (300, pytest.approx(48.0), pytest.approx(2.4))
    assert checked.warnings() == []
    given = parse(run_dict(protocol={"kind": "tempering", "temperatures": [30.0, 20.0, 7.0], "t_end": 1.0}))
    assert (given.recipe.t_start, given.recipe.t_end) == (30.0, 7.0)
    assert "protocol.t_end: not used" in given.warnings()[0]
    assert (
        "no overlaps" in parse(run_dict(protocol={"kind": "tempering"}, ensemble={"n": 8, "replicas": 1})).warnings()[0]
    )


def test_unwise_choices_warn(run_dict):
    assert parse(run_dict()).warnings() == []
    assert "protocol.sweeps" in parse(run_dict(protocol__sweeps=5)).warnings()[0]
    assert "equal" in parse(run_dict(protocol__start="uniform")).warnings()[0]
    given = {"ensemble": {"n": 5}, "couplings": {"file": "J.npy"}}
    assert parse(run_dict(**given)).warnings() == []
    assert parse(run_dict(**given, model__j0=2.0)).warnings() == [
        "model.j0 is not used: couplings.file gives the couplings"
    ]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "missing.toml")
    (tmp_path / "broken.toml").write_text("seed = = 3\n")
    with pytest.raises(InputError, match="not valid TOML"):
        load(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not valid TOML"):
        load(tmp_path / "binary.toml")


_leaf = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers(), max_size=2)
)
_keys = st.sampled_from(
    ["seed", "model", "ensemble", "protocol", "couplings", "gamma", "a2", "n", "kind", "mean", "low", "x"]
)


@given(
    st.dictionaries(
        _keys, _leaf | st.dictionaries(_keys, _leaf | st.dictionaries(_keys, _leaf, max_size=3), max_size=4)
    )
)
def test_any_dictionary_is_a_run_or_an_input_error(data):
    with contextlib.suppress(InputError):
        parse(data)


def test_double_wells_need_the_states(run_dict):
    with pytest.raises(InputError, match=r"double_wells.*output\.sites"):
        parse(run_dict(double_wells={}, output={"sites": False}))
