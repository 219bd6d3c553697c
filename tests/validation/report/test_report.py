"""The report: the JSON contract, and a page that needs nothing but itself."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nsim.errors import InputError
from validation.report.page import write
from validation.report.words import with_error
from validation.simulation import Simulation
from validation.verdicts.comparison import Comparison, compare_run

KEYS = {
    "observable",
    "n",
    "temperature",
    "simulation",
    "stderr",
    "prediction",
    "prediction_error",
    "z",
    "expected",
    "verdict",
    "reason",
}
THEORIES = {"rs", "1rsb", "frsb"}
OBSERVABLES = {
    "energy",
    "lowest_energy",
    "p",
    "q",
    "C",
    "replicon_sum",
    "lambda_min",
    "double_well_fraction",
    "small_field_weight",
}


@pytest.fixture(scope="module")
def report(glassy: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    write(glassy, out, "validation report")
    return out


class References(HTMLParser):
    """Everything a page would load or link."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [
            value or "" for name, value in attributes if name in ("src", "href", "xlink:href", "srcset", "data")
        ]


def test_json_contract(report: Path) -> None:
    data = json.loads((report / "report.json").read_text())
    checks = data["checks"]
    assert checks
    for check in checks:
        assert set(check) == KEYS
        assert set(check["prediction"]) == set(check["z"]) == set(check["expected"]) == THEORIES
        assert check["verdict"] in ("pass", "fail", "not tested")
        assert check["reason"]
        assert check["temperature"] == 0
        assert check["expected"]["frsb"] == ("agree" if check["observable"] == "p" else None)
        for name in THEORIES:
            assert check["expected"][name] in ("agree", "differ", None)
            if check["prediction"][name] is None:
                assert check["z"][name] is None
    extrapolated = {check["observable"] for check in checks if check["n"] is None}
    assert extrapolated >= OBSERVABLES
    for n in (16, 32, 64, 128):
        assert {check["observable"] for check in checks if check["n"] == n} >= OBSERVABLES
    assert [check["n"] is None for check in checks] == sorted((check["n"] is None for check in checks), reverse=True)
    limits = data["extrapolations"]
    row = next(check for check in checks if check["n"] is None and check["observable"] == "energy")
    assert (limits["energy"]["value"], limits["energy"]["stderr"]) == (row["simulation"], row["stderr"])
    assert limits["energy"]["stderr"] == pytest.approx(
        (limits["energy"]["statistical"] ** 2 + limits["energy"]["spread_over_fits"] ** 2) ** 0.5
    )
    assert {fit["exponents"][0] for fit in limits["energy"]["fits"]} == {2 / 3}
    assert limits["energy"]["forms"][0]["form"] == "a N^-2/3"
    assert limits["C"]["spread_over_fits"] > 0
    assert data["provenance"]["run"]["git_revision"]


def test_page_is_self_contained(report: Path) -> None:
    page = (report / "report.html").read_text()
    references = References()
    references.feed(page)
    assert all(reference.startswith("#") for reference in references.found)
    assert not {"script", "link", "img", "iframe", "object"} & set(references.tags)
    assert references.tags.count("svg") >= 5
    assert not re.search(r"url\((?!#|['\"]?#)", page)
    assert "@import" not in page
    assert len(page) < 2_000_000
    # Every glyph and clip path that is used is there, once.
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert {reference[1:] for reference in references.found} <= set(ids)


def test_page_opens_with_the_verdict(report: Path) -> None:
    page = (report / "report.html").read_text()
    data = json.loads((report / "report.json").read_text())
    assert 0 < page.index(data["headline"]) < page.index("<table>") < page.index("right and wrong") < page.index("<svg")
    assert page.index("<svg") < page.index("Provenance")


def test_the_page_speaks_for_people(report: Path) -> None:
    """C is not to be taken for the order parameter C; numbers beyond ten errors are not quoted; formulas are set."""
    page = (report / "report.html").read_text()
    data = json.loads((report / "report.json").read_text())
    assert "<td>C (response without jumps)</td>" in page
    assert "C" in {check["observable"] for check in data["checks"]}
    largest = [z for check in data["checks"] for z in check["z"].values() if z is not None and abs(z) > 10]
    assert largest  # told as numbers in the JSON file
    assert "<td>&lt; -10</td>" in page
    assert not any(f"<td>{z:+.1f}</td>" in page for z in largest)
    text = re.sub(r"<pre>.*?</pre>|<svg.*?</svg>|<style>.*?</style>|<[^>]*>", "", page, flags=re.DOTALL)
    for plain in ("gamma", "infinity", "-&gt;", "&#39;&#39;", "U_eff", "C_reg", "N^"):
        assert plain not in text, plain


def test_one_size_is_not_extrapolated(quenched: Path, tmp_path: Path) -> None:
    data = write(compare_run(Simulation.open(quenched)), tmp_path, "test")
    assert data["extrapolations"] == {}
    assert all(check["n"] == 24 for check in data["checks"])


def test_nothing_is_left_half_written(report: Path) -> None:
    assert sorted(path.name for path in report.iterdir()) == ["report.html", "report.json"]


def test_damaged_results_are_refused(quenched: Path, tmp_path: Path) -> None:
    content = bytearray((quenched / "results.h5").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "results.h5").write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        Simulation.open(tmp_path)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (-12.0639, 0.0523, "-12.064 ± 0.052"),
        (3.0, None, "3"),
        (None, None, "-"),
        (0.00125, 0.00065, "0.00125 ± 0.00065"),
        (123.0, 14.0, "123 ± 14"),
    ],
)
def test_numbers_are_rounded_to_their_error(value: float | None, error: float | None, text: str) -> None:
    assert with_error(value, error) == text
