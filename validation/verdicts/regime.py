"""Where in its phase diagram a run lies, and so which theory can be right about it."""

from __future__ import annotations

from dataclasses import dataclass

from meanfield import Solution, glass_temperature
from nsim.run_file import RunFile
from validation.predictions import rs_is_exact

# Further steps of symmetry breaking take double wells away: at J0 = 0 they begin at gamma = 1.078 in RS, at 1.43 in
# 1RSB, between 2 and 2.7 in full RSB, where 1RSB has 1% to 2% of them.
SURE_OF_DOUBLE_WELLS = 0.02

FEWEST_SWEEPS = 100  # of an anneal; with fewer, states are hardly better than quenched ones
COLD = 0.2  # of the temperature where freezing begins: relaxation from above is itself a quench

QUENCHED = "quenched states are not ground states, which the theory describes"


@dataclass(frozen=True)
class Regime:
    """What expectations are derived from.

    Attributes
    ----------
    solved : bool
        Whether there is an RS solution to judge by.
    rs_exact : bool
        RS is stable: replicon positive and no double wells, whose jump at h = 0 makes the replicon diverge at T = 0.
    polarised : bool
        The mean displacement does not vanish.
    p_fixed_by_symmetry : bool
        The mean displacement averages to zero at every N: no field, no polarised phase, and a start that does not
        choose a sign.
    folded : bool
        States v and -v stand for each other and the phase is polarised: p is taken as |p|.
    not_annealed : str
        Why the states are no better than quenched ones; empty where they were cooled slowly through the glass
        transition to low temperature: only these come near the ground state.
    double_wells : bool
        Double wells are sure to exist in the true solution, not only in RS.
    intrinsic_double_wells : bool
        The on-site potential may have two minima already without the others (a2 <= 0 somewhere).
    """

    solved: bool
    rs_exact: bool
    polarised: bool
    p_fixed_by_symmetry: bool
    folded: bool
    not_annealed: str
    double_wells: bool
    intrinsic_double_wells: bool

    @property
    def glassy(self) -> bool:
        """RS is unstable."""
        return self.solved and not self.rs_exact

    @property
    def name(self) -> str:
        """In words, for the report."""
        if not self.solved:
            return "not known, for want of an RS solution"
        return "RS stable and exact for N -> infinity" if self.rs_exact else "glass: RS unstable"


def regime_of(run: RunFile, rs: Solution | None, one_step: Solution | None) -> Regime:
    """The regime of a run, from its run file and the converged solutions (None: not converged)."""
    polarised = rs is not None and rs.p != 0
    return Regime(
        solved=rs is not None,
        rs_exact=rs is not None and rs_is_exact(rs),
        polarised=polarised,
        p_fixed_by_symmetry=(
            rs is not None and not polarised and run.model.field == 0 and run.protocol.start == "random"
        ),
        folded=polarised and run.model.field == 0,
        not_annealed=_why_not_annealed(run, rs),
        double_wells=one_step is not None and one_step.double_well_fraction >= SURE_OF_DOUBLE_WELLS,
        intrinsic_double_wells=_least_stiffness(run) <= 0,
    )


def _why_not_annealed(run: RunFile, rs: Solution | None) -> str:
    recipe = run.recipe
    if recipe.kind == "quench":
        return QUENCHED
    if recipe.sweeps < FEWEST_SWEEPS:
        return f"{recipe.sweeps} sweeps, fewer than {FEWEST_SWEEPS}, leave states hardly better than quenched ones"
    transition = None if rs is None else glass_temperature(rs.model)
    if transition is None:
        return ""
    if recipe.t_start <= transition:
        return f"cooled from T = {recipe.t_start:g}, below the glass temperature {transition:.4g}: states kept quenched"
    # A polarised state may have its transition at exponentially low T: it is frozen by the potentials long before.
    cold = COLD * (transition if rs is not None and rs.p == 0 else run.model.length**2)
    if recipe.t_end > cold:
        return f"cooled only to T = {recipe.t_end:g}, then quenched: low temperatures begin at {cold:.3g} here"
    return ""


def _least_stiffness(run: RunFile) -> float:
    a2 = run.model.a2
    if isinstance(a2, float | int):
        return float(a2)
    if hasattr(a2, "low"):
        return float(a2.low)
    return float("-inf") if a2.std > 0 else float(a2.mean)
