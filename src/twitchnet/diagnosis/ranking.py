"""What is one row of a ranking?"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RankedCause:
    """One row of a ranking: a state of a target that is not its baseline.

    ``posterior`` is P(this state | answers) and ``prior`` the same with nothing
    observed.  ``gain`` is what the answers tell about this state in bits, negative when they
    speak against it (see ``diagnosis.gain``).  ``produced`` is P(present and producing the
    complaint | answers), NaN for a model without a complaint.  ``explains`` is the expected
    number of present findings that the cause's own links produced.  ``rank`` counts from 1
    and is None for a cause that the record itself gives (``given``).
    """

    cause: str
    label: str
    prior: float
    posterior: float
    gain: float
    produced: float
    explains: float
    rank: int | None
    state: str = "present"
    given: bool = False
