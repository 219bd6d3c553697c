"""How work that is cut into tasks ended, and the exit status that says so."""

from __future__ import annotations

from dataclasses import dataclass, field

from nsim.errors import ExitStatus


@dataclass
class Outcome:
    """How a run, or the search around its states, ended."""

    tasks: int = 0  # to be done in all
    computed: int = 0  # now
    unconverged: int = 0  # states: of a run, among those computed now; of a search, all, so that it had nothing to do
    stopped: bool = False
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def status(self) -> ExitStatus:
        """Exit status, the gravest first."""
        if self.failures:
            return ExitStatus.FAILED
        if self.stopped:
            return ExitStatus.RESUMABLE
        return ExitStatus.NOT_CONVERGED if self.unconverged else ExitStatus.DONE
