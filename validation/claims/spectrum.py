r"""Hessian spectra of ground states against the deformed semicircle law.

For N -> infinity the spectrum of M = diag(d) - J is that of the diagonal plus a semicircular matrix
(`validation.hessian_law`). Of the states' own measured d_i the law must hold in any theory; with the d = G''(v*)/gamma
of a theory's sites it tests that theory. Compared is a smooth functional of the spectrum, the resolvent at a point
below its edge,

    g(-x) = (1/N) Tr (M + x)^{-1},      law: g = E_d[1/(d + x - g)].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import meanfield
from nsim.campaign.tasks import glass_of
from nsim.sample.hessian import spectrum
from validation import hessian_law
from validation.claims.finding import Evidence, Finding, Picture, StudyCheck, agree, check, differ, undecided
from validation.claims.limit_picture import look
from validation.claims.negative_control import negative_control
from validation.claims.solved import solved
from validation.claims.wrong_couplings import VARIANCE
from validation.lowest_sites import lowest_sites
from validation.lowest_states import all_sizes
from validation.plot_style import INK, SHADE, figure, legend, style
from validation.predictions import THEORIES, mean_field_model
from validation.report.words import with_error
from validation.simulation import Simulation, Sites
from validation.statistics import finite_size
from validation.statistics.finite_size import Form, Limit
from validation.verdicts.forms import REGULAR, RESPONSE

Array = NDArray[np.float64]

BELOW = 1.0  # x: distance below zero at which the resolvent is taken [E0/v0^2]
MOST_STATES = 100  # of one size that are diagonalised
LARGEST = 1024  # N
SUPPLIED = 1e-6  # gradient of a state with its J: larger, it is not its J
LAW = "the law holds for N -> infinity with the states' own d_i, whatever theory is right"
TRUE = "full RSB is believed exact for ground states"


@dataclass(frozen=True)
class SpectraOfSize:
    """Spectra of some lowest states of one size.

    ``resolvent``, ``law`` and ``wrong_law`` are g(-x) of each state, of the law with its d_i, and of the law with a
    semicircle that is 5% too wide in variance; arrays (states,).
    """

    n: int
    eigenvalues: Array
    d: Array
    resolvent: Array
    law: Array
    wrong_law: Array


def judge(evidence: Evidence) -> Finding:
    """Compare resolvents of simulated Hessians with the law, and the law with every theory."""
    claim = evidence.claim
    run = evidence.simulations[0].run
    model = mean_field_model(run)
    sizes = [
        _spectra(simulation, lowest_sites(simulation, states.n))
        for simulation, states in all_sizes(evidence.simulations, claim.smallest or 1)
        if states.n <= LARGEST
    ]
    solutions = {name: solved(model, name) for name in THEORIES}
    predicted = {name: _prediction(one) for name, one in solutions.items()}
    where = f"ground states, gamma = {model.gamma:g}, J0 = {model.j0:g}, N = {sizes[0].n} to {sizes[-1].n}"
    samples = min(len(one.resolvent) for one in sizes)
    whole = _limit(sizes, [one.resolvent for one in sizes], RESPONSE)
    gap = _limit(sizes, [one.resolvent - one.law for one in sizes], REGULAR)
    wrong = _limit(sizes, [one.resolvent - one.wrong_law for one in sizes], REGULAR)
    checks: list[StudyCheck] = []
    if gap is not None and wrong is not None and whole is not None:
        nothing = dict.fromkeys(THEORIES, (0.0, 0.0))
        law = check(
            "resolvent_minus_law",
            "g(−1), Hessian less law with measured d",
            where,
            None,
            gap.value,
            gap.stderr,
            nothing,
            dict.fromkeys(THEORIES, agree(LAW)),
            samples,
        )
        measured = wrong.value, wrong.stderr
        checks += [law, negative_control(law, nothing, samples, measured, where="the law")]
        full = predicted["frsb"][0]
        expected = {
            "rs": undecided("RS and full RSB nearly coincide in the response without jumps"),
            "1rsb": differ("one step of symmetry breaking is not enough", abs(predicted["1rsb"][0] - full)),
            "frsb": agree(TRUE),
        }
        checks.append(
            check(
                "resolvent",
                "g(−1) = (1/N) Tr (M + 1)⁻¹",
                f"{where}; law with the theory's own d",
                None,
                whole.value,
                whole.stderr,
                predicted,
                expected,
                samples,
            )
        )
    return Finding(
        claim=claim,
        title=claim.title or "Hessian spectrum against the deformed semicircle law",
        statement=_statement(gap, whole, predicted),
        checks=checks,
        pictures=[_picture(sizes[-1], solutions)],
        numbers={
            "point": -BELOW,
            "wrong_variance": VARIANCE,
            "sizes": [_numbers(one) for one in sizes],
            "limits": {
                name: one.to_dict()
                for name, one in (("resolvent", whole), ("resolvent_minus_law", gap))
                if one is not None
            },
        },
        arrays={
            "eigenvalue": (
                np.sort(sizes[-1].eigenvalues.ravel()),
                f"eigenvalues at N = {sizes[-1].n} [E0/v0^2]",
            ),
            "diagonal": (sizes[-1].d.ravel(), "G''(v_i)/gamma of the same states [E0/v0^2]"),
        },
    )


def resolvent_of_law(d: Array, weight: Array | None = None, x: float = BELOW, variance: float = 1.0) -> float:
    """g(-x) = E_d[1/(d + x - variance g)], the smallest root; x below the edge of the spectrum."""
    weight = np.full(len(d), 1 / len(d)) if weight is None else weight
    g = 0.0
    for _ in range(200):
        new = float(weight @ (1 / (d + x - variance * g)))
        if abs(new - g) < 1e-14:
            break
        g = new  # rises to the fixed point from below
    return g


def _spectra(simulation: Simulation, sites: Sites) -> SpectraOfSize:
    run = simulation.run
    rows: list[tuple[Array, Array, float, float, float]] = []
    for v, sample in zip(sites.v[:MOST_STATES], sites.sample[:MOST_STATES], strict=False):
        glass = glass_of(run, sites.n, int(sample))
        if np.abs(glass.gradient(v)).max() > SUPPLIED:
            continue
        eigenvalues, d = spectrum(glass, v), glass.on_site_curvature(v)
        own = float((1 / (eigenvalues + BELOW)).mean())
        rows.append((eigenvalues, d, own, resolvent_of_law(d), resolvent_of_law(d, variance=VARIANCE)))
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    return SpectraOfSize(sites.n, *columns)


def _prediction(solution: meanfield.Solution) -> tuple[float, float]:
    """g(-x) of the law with the d of a theory's sites."""

    def resolvent(one: meanfield.Solution) -> float:
        return resolvent_of_law(*_diagonal(one))

    limit = solution.limit(resolvent)
    return float(limit.value), float(limit.error)


def _diagonal(solution: meanfield.Solution) -> tuple[Array, Array]:
    sites = solution.local_potentials(60)
    return sites.a2 / sites.gamma + sites.a4 * sites.minima() ** 2 / (2 * sites.gamma), sites.weight


def _limit(sizes: list[SpectraOfSize], values: list[Array], forms: tuple[Form, ...]) -> Limit | None:
    means = [float(one.mean()) for one in values]
    errors = [float(one.std(ddof=1) / np.sqrt(len(one))) for one in values]
    return finite_size.limit([one.n for one in sizes], means, errors, forms)


def _numbers(one: SpectraOfSize) -> dict[str, Any]:
    gap = one.resolvent - one.law
    count = np.sqrt(len(gap))
    return {
        "n": one.n,
        "states": len(gap),
        "resolvent": float(one.resolvent.mean()),
        "resolvent_stderr": float(one.resolvent.std(ddof=1) / count),
        "minus_law": float(gap.mean()),
        "minus_law_stderr": float(gap.std(ddof=1) / count),
    }


def _statement(gap: Limit | None, whole: Limit | None, predicted: dict[str, tuple[float, float]]) -> str:
    if gap is None or whole is None:
        return "Two sizes or more are needed to extrapolate."
    theories = ", ".join(f"{THEORIES[name]} {value:.5f}" for name, (value, _) in predicted.items())
    return (
        f"With the states' own d the law holds to {with_error(gap.value, gap.stderr)} in g(−1) = "
        f"{with_error(whole.value, whole.stderr)}; with the theories' own: {theories}."
    )


def _picture(one: SpectraOfSize, solutions: dict[str, meanfield.Solution]) -> Picture:
    with style():
        drawn, axes = figure(width=7.4)
        top = float(np.quantile(one.eigenvalues, 0.999))
        bins = np.linspace(0, top, 70)
        axes.hist(
            one.eigenvalues.ravel(), bins, density=True, color=SHADE, alpha=0.45, label=f"simulation, N = {one.n}"
        )
        axes.plot(*hessian_law.density(one.d.ravel()[:6000]), color=INK, label="law with measured $d_i$")
        for name, title in THEORIES.items():
            d, weight = _diagonal(solutions[name])
            axes.plot(*hessian_law.density(d, weight=weight), label=f"law, {title}", **look(name))
        axes.set_xlim(0, top)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(r"eigenvalue $\lambda$ of the Hessian  [$E_0/v_0^2$]")
        axes.set_ylabel("density")
        legend(drawn, axes, columns=3)
    caption = (
        f"Eigenvalues of the Hessians of {len(one.resolvent)} lowest states at N = {one.n}, with the law for N → ∞: "
        "for the measured d_i = G''(v_i)/gamma, and for those of the theories' sites (full RSB: its largest number of "
        "steps)."
    )
    return Picture("spectrum", "Hessian spectrum", caption, drawn)
