"""Which hand-set numbers does a posterior depend on?

P(e) and P(c, e) are linear in the numbers of any one leak, link or table, so one reverse
pass for each gives the derivative by *every* number (``engine/numpy/gradient.py``), and with it
the value at any other value of one parameter, exactly and without another pass.  In a parameter
of a single cell with value t the posterior is the sensitivity function

    P(c | e)(t) = (a t + b) / (c t + d)

(Castillo, Gutierrez & Hadi 1997; Coupe & van der Gaag 2002).  A parameter of several cells
moves them by one shift of their logits; its curve is exact too, but no such quotient.

Parameters are ordered by *swing*, the distance that the posterior moves over the range
low to high: a tornado.  ``flips`` are the smallest changes of a single number that put
another cause first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.explain.explain import column_of
from twitchnet.diagnosis.hypotheses import KEPT, columns
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.pages import Shown, lines, table
from twitchnet.diagnosis.parameters import NINETY, ParameterShifts, with_assumed_ranges
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.numpy.gradient import gradient
from twitchnet.engine.numpy.order import Order
from twitchnet.engine.numpy.plan import modifier_lanes
from twitchnet.engine.numpy.reduce import Reduced
from twitchnet.engine.numpy.search import find_order
from twitchnet.engine.program import Floats
from twitchnet.engine.shares import ACCURACY, normalised, others, ratio, within
from twitchnet.errors import CapacityError
from twitchnet.lowering import COMPLEMENT, NUMBER
from twitchnet.show.page import Page
from twitchnet.show.progress import LONG, Meter

RIVALS = 3
"""Other causes that a change of the leader is looked for; each costs a reverse pass."""

REACH, PACE = 8.0, 0.125
"""How far (in logits) and how finely a change of the leader is searched for."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one number does to the posterior.

    ``node``, ``part`` and ``cells`` name it as ``Parameter`` does.
    ``at_low`` and ``at_high`` are the posterior at the ends of its range, ``derivative``
    dP/dt at its value; ``curve`` holds (a, b, c, d) of the sensitivity function, None for
    a parameter of several cells.
    """

    node: str
    part: str
    cells: tuple[int, ...]
    value: float
    low: float
    high: float
    at_low: float
    at_high: float
    derivative: float
    curve: tuple[float, float, float, float] | None

    @property
    def swing(self) -> float:
        """How far the posterior moves over the range."""
        return abs(self.at_high - self.at_low)

    @property
    def name(self) -> str:
        """The number in the words of the model file: ``restless_legs <- pregnancy``."""
        return dial_name(self.node, self.part)


@dataclass(frozen=True, slots=True)
class Flip:
    """A change of one number after which ``rival`` is more probable than ``leader``.

    ``needed`` is the value at which the two are equal; ``plausible`` says that it lies in
    the number's own range; ``shift`` is the distance in logits.
    """

    node: str
    part: str
    cells: tuple[int, ...]
    value: float
    needed: float
    shift: float
    leader: str
    rival: str
    plausible: bool

    @property
    def name(self) -> str:
        """The number in the words of the model file."""
        return dial_name(self.node, self.part)


@dataclass(frozen=True, slots=True)
class Sensitivity(Shown):
    """How one posterior depends on the numbers: ``turns`` by swing, ``flips`` by distance.

    ``assumed`` is the factor of the odds that stands for a range where the model has none; 0 when
    nothing was assumed.
    """

    cause: str
    state: str
    label: str
    posterior: float
    turns: tuple[Turn, ...]
    flips: tuple[Flip, ...] = ()
    assumed: float = 0.0

    def page(self) -> Page:
        """The tornado and the nearest changes of the leader, as tables."""
        note = (
            f"A number without a range was taken to have odds up to {self.assumed:g} times lower "
            "or higher: an assumption, not knowledge."
        )
        none = "No number of this model has a range; sensitivity(assumed=2) assumes one for each."
        return self.sheet(
            f"What {self.label} ({percent(self.posterior)}) depends on",
            lines("Numbers", "" if self.turns or self.assumed else none),
            table(
                "Numbers that move it most over their range",
                "*number | >value | range | it would be",
                (
                    (
                        one.name,
                        f"{one.value:.3g}",
                        f"{one.low:.3g} to {one.high:.3g}",
                        f"{percent(one.at_low)} to {percent(one.at_high)}",
                    )
                    for one in self.turns[:SHOWN]
                ),
                note if self.assumed else "",
            ),
            table(
                "Smallest changes of one number that put another cause first",
                "*number | >value | >needed | in its range | then first",
                (
                    (
                        one.name,
                        f"{one.value:.3g}",
                        f"{one.needed:.3g}",
                        "yes" if one.plausible else "no",
                        self.called(one.rival),
                    )
                    for one in self.flips[:SHOWN]
                ),
            ),
        )


SHOWN = 10
"""Rows of a table on a page; the values hold all."""


def dial_name(node: str, part: str) -> str:
    """A number in words.

    >>> dial_name("restless_legs", "link:pregnancy"), dial_name("sex", "table")
    ('restless_legs <- pregnancy', 'sex')
    """
    sort, _, parent = part.partition(":")
    return f"{node} <- {parent}" if parent else node if sort == "table" else f"{node} {sort}"


Slope = tuple[float, float, Floats]
"""The log of a probability P, a scale, and dP / d number = exp(scale) x (N,)."""


def number_gradient(inference: Inference, answers: Answers, split: str = "") -> list[Slope]:
    """The slope of P(answers) by every number, each by itself.

    With ``split``, a variable that is not answered, a slope of P(state, answers) for each of
    its states.  Raises ``CapacityError`` when the tables would not fit the inference's limits.
    """
    low, evidence = inference.lowered, inference.evidence(answers)
    program = low.program
    node = low.index[split] if split else -1
    targets = np.array([node] if split else [], dtype=np.int64)
    lanes = tuple(modifier_lanes(program, evidence, targets))

    def within_limits(reduced: Reduced) -> Order:
        order, _ = find_order(reduced, inference.budget)
        work = order.cells * len(reduced.states)
        if work > inference.budget:
            raise CapacityError(work, inference.budget)
        if 16.0 * order.stored * len(reduced.states) > WORKSPACE:
            raise CapacityError(work, inference.budget, "workspace")
        return order

    more = evidence.log_scale
    sign = (low.entry_kind == NUMBER).astype(np.float64) - (low.entry_kind == COMPLEMENT)
    found = []
    for log_p, scale, entries in gradient(program, evidence, lanes, within_limits, node):
        by_number = np.bincount(low.entry_number, sign * entries, len(low.numbers))
        found.append((log_p + more, scale + more, np.asarray(by_number, dtype=np.float64)))
    return found


WORKSPACE = 2 * 2**30
"""Bytes of tables that a gradient may hold at once; its lanes cannot be run in passes."""


@dataclass(frozen=True)
class Slopes:
    """P(e) and P(column, e) with their derivatives by every number, all divided by P(e).

    ``log_evidence`` is the log of it, and ``against`` the same for P(not the first wanted
    column, e).
    """

    log_evidence: float
    evidence: Floats
    joint: dict[int, tuple[float, Floats]]
    against: tuple[float, Floats]


def slopes(inference: Inference, answers: Answers, wanted: list[int]) -> Slopes:
    """A reverse pass for each state of the first wanted column, and one for each of the others.

    P(e) is the sum over the states of the first.
    """
    places = columns(inference.network)
    name, at = places[wanted[0]]
    joint = {}
    split = "" if name in answers.hard else name
    found = number_gradient(inference, answers, split)
    log_evidence = float(np.logaddexp.reduce([log_p for log_p, _, _ in found]))
    parts = [_exp(scale - log_evidence) * slope for _, scale, slope in found]
    own: Floats = np.sum(parts, axis=0)
    against = 0.0, np.zeros_like(own)
    if split:
        shares = normalised(np.exp([log_p - log_evidence for log_p, _, _ in found]))
        joint[wanted[0]] = float(shares[at]), parts[at]
        rest = [part for state, part in enumerate(parts) if state != at]
        against = float(others(shares)[at]), np.sum(rest, axis=0)
    with Meter(len(wanted), after=LONG, unit="passes") as meter:
        for done, column in enumerate(wanted):
            meter(done)
            if column not in joint:
                joint[column] = _joint(inference, answers, places[column], own, log_evidence)
    return Slopes(log_evidence, own, joint, against)


def _joint(
    inference: Inference, answers: Answers, place: tuple[str, int], own: Floats, log_evidence: float
) -> tuple[float, Floats]:
    """P(target in a state, e) and its derivatives, over P(e), of which ``own`` are those."""
    name, state = place
    if name in answers.hard:
        return (1.0, own) if answers.hard[name] == state else (0.0, np.zeros_like(own))
    factor = answers.soft[name][state] if name in answers.soft else 1.0
    if factor == 0.0:
        return 0.0, np.zeros_like(own)
    ((log_joint, scale, slope),) = number_gradient(inference, answers.with_answers({name: state}))
    log_whole = log_evidence - math.log(factor)
    return float(ratio(log_joint, log_whole)), _exp(scale - log_whole) * slope


def _exp(x: float) -> float:
    """The exponential, kept finite: only entries that nothing can move have such slopes."""
    return math.exp(min(x, 700.0))


def sensitivity(
    inference: Inference,
    answers: Answers,
    posterior: Floats,
    cause: str,
    state: str = "",
    *,
    rivals: int = RIVALS,
    assumed: float | None = None,
) -> Sensitivity:
    """How the posterior of a cause depends on every number with a range.

    ``posterior`` (columns,) are those of the numbers as they are.  The leader is compared
    with the ``rivals`` next causes; for another cause, it is the leader that is the rival.
    ``assumed`` gives numbers without a range one: odds so many times lower or higher.
    """
    if assumed is not None:
        network = with_assumed_ranges(inference.network, assumed)
        inference = replace(inference, network=network, ready=inference.lowered)
    network = inference.network
    column = column_of(network, cause, state)
    places = columns(network)
    open_ones = [i for i, (name, _) in enumerate(places) if name not in answers.hard]
    order = sorted(open_ones, key=lambda i: -posterior[i])
    leader = order[0] if order else column
    against = [i for i in order[1 : 1 + rivals] if places[i][0] != places[leader][0]]
    if column != leader:
        against = [column] if column in order and rivals else []
    wanted = list(dict.fromkeys([column, *([leader, *against] if against else [])]))
    found = slopes(inference, answers, wanted)
    turn = inference.shifts
    turns = _turns(inference, answers, found, column)
    flips: list[Flip] = []
    for rival in against:
        names = places[leader][0], places[rival][0]
        flips += _flips(turn, found, leader, rival, names)
    best: dict[tuple[str, str, tuple[int, ...]], Flip] = {}
    for one in sorted(flips, key=lambda one: abs(one.shift)):
        best.setdefault((one.node, one.part, one.cells), one)
    name, at = places[column]
    variable = network.by_name[name]
    return Sensitivity(
        name,
        variable.states[at],
        variable.label or name,
        float(posterior[column]),
        tuple(sorted(turns, key=lambda one: -one.swing)),
        tuple(best.values()),
        assumed or 0.0,
    )


def _turns(inference: Inference, answers: Answers, found: Slopes, column: int) -> list[Turn]:
    """The effect of every parameter, all at once.

    What is left when a number takes away nearly all of P(e), or of P(column, e), has few digits
    of them: it gets a pass of its own.
    """
    turn = inference.shifts
    (p, slope), (q, against) = found.joint[column], found.against
    name, state = columns(inference.network)[column]

    def again(numbers: Floats) -> tuple[float, float]:
        """P(e), over that of the numbers as they are, and the posterior."""
        program = inference.lowered.with_numbers(numbers)
        beliefs = inference.beliefs(answers, program, explain=False)
        left = math.exp(beliefs.log_evidence - found.log_evidence)
        return left, float(beliefs.probability[name][state])

    ends: list[Floats] = []
    for shifts in (turn.middle - NINETY * turn.spread, turn.middle + NINETY * turn.spread):
        moved = turn.moved(shifts)
        evidence, joint = turn.along(found.evidence, moved), turn.along(slope, moved)
        for d in np.flatnonzero(turn.overflows(shifts)).tolist():  # the whole row is scaled down
            change = turn.one(d, float(shifts[d])) - turn.numbers
            evidence[d], joint[d] = found.evidence @ change, slope @ change
        total, both = 1.0 + evidence, p + joint
        few = (total < KEPT) | (both < KEPT * p)
        value = within(both / np.where(few, np.nan, total), ACCURACY)
        for d in np.flatnonzero(few).tolist():
            value[d] = again(turn.one(d, float(shifts[d])))[1]
        ends.append(value)
    tangent = turn.tangent()
    c, a = turn.along(found.evidence, tangent), turn.along(slope, tangent)
    rest = turn.along(against, tangent)
    result = []
    for d, one in enumerate(turn.parameters):
        t = one.value
        free = p - a[d] * t, 1.0 - c[d] * t  # what is left of both at t = 0
        if turn.alone[d] and (free[0] < KEPT * p or free[1] < KEPT):
            left, posterior = again(turn.emptied(d))
            free = (left * posterior if left else 0.0), left
        curve = (float(a[d]), float(free[0]), float(c[d]), float(free[1]))
        at_low, at_high = float(ends[0][d]), float(ends[1][d])
        result.append(
            Turn(
                one.node,
                one.part,
                one.cells,
                t,
                one.low,
                one.high,
                at_low,
                at_high,
                float(q * a[d] - p * rest[d]),
                curve if turn.alone[d] else None,
            )
        )
    return result


def _flips(
    turn: ParameterShifts, found: Slopes, leader: int, rival: int, names: tuple[str, str]
) -> list[Flip]:
    """The nearest value of each parameter at which the rival overtakes the leader.

    P(leader, e) - P(rival, e) is a sum over the cells of a parameter, each linear in its cell;
    all parameters are searched at once, outwards on the logit scale, then by halving.
    """
    slope = found.joint[leader][1] - found.joint[rival][1]
    lead = found.joint[leader][0] - found.joint[rival][0]
    count = len(turn.parameters)

    def margin(shift: Floats) -> Floats:
        """The leader's margin (D,) after shifts (D,)."""
        return lead + turn.along(slope, turn.moved(shift))

    result: list[Flip] = []
    for sign in (1.0, -1.0):
        inner, outer = np.zeros(count), np.full(count, np.nan)
        for step in np.arange(PACE, REACH + PACE / 2, PACE):
            shift = np.where(np.isnan(outer), sign * step, 0.0)
            crossed = np.isnan(outer) & (margin(shift) < 0.0)
            outer[crossed] = sign * step
            inner = np.where(np.isnan(outer), sign * step, inner)
        close, far = inner, np.where(np.isnan(outer), 0.0, outer)
        for _ in range(60):
            middle = (close + far) / 2.0
            beyond = margin(middle) < 0.0
            close, far = np.where(beyond, close, middle), np.where(beyond, middle, far)
        for d in np.flatnonzero(~np.isnan(outer) & ~turn.overflows(far)):
            one, shift_here = turn.parameters[d], float(far[d])
            raised = math.exp(shift_here) * one.value / (1.0 - one.value)
            needed = raised / (1.0 + raised)
            plausible = one.low <= needed <= one.high
            result.append(
                Flip(
                    one.node, one.part, one.cells, one.value, needed, shift_here, *names, plausible
                )
            )
    return result
