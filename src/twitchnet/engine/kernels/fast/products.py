"""The loops of a product of two tables, up and down, over the runs of a message.

Up: out = left * right, summed over the axis that is eliminated.  Down: d left += d out * right
and d right += d out * left.  A message lists its runs on the tape (``schedule.py``); the three
innermost runs are loops, and the others are counted by digits.  These loops take most of the
time of an expensive record.
"""

from __future__ import annotations

from twitchnet.engine.jit.lanes import load8, store8
from twitchnet.engine.kernels.fast.schedule import (
    LEFT_ONCE,
    LEFT_STEP,
    MESSAGE_HEAD,
    OUT_STEP,
    RIGHT_ONCE,
    RIGHT_STEP,
    RUN,
    RUN_LENGTH,
    RUNS,
    V_LEFT,
)
from twitchnet.engine.kernels.layout import Scratch
from twitchnet.engine.program import Ints

Plane = tuple[int, int, int]  # two nested runs of cells: the first, and both strides


def run_of(tape: Ints, runs: int, count: int, k: int) -> tuple[int, int, int, int]:
    """Length and strides of run ``k``, innermost first; length 1 if there is none."""
    if k >= count:
        return 1, 0, 0, 0
    at = runs + RUN * k
    return tape[at + RUN_LENGTH], tape[at + OUT_STEP], tape[at + LEFT_STEP], tape[at + RIGHT_STEP]


def outer_count(tape: Ints, runs: int, count: int, digit: Ints) -> int:
    """Number of places of the runs beyond the third."""
    outer = 1
    for k in range(3, count):
        digit[k] = 0
        outer *= tape[runs + RUN * k + RUN_LENGTH]
    return outer


def advance(tape: Ints, runs: int, count: int, digit: Ints) -> tuple[int, int, int]:
    """Moves to the next place of the runs beyond the third; returns the move of each operand."""
    o = x = y = 0
    for k in range(3, count):
        at = runs + RUN * k
        digit[k] += 1
        if digit[k] < tape[at + RUN_LENGTH]:
            return o + tape[at + OUT_STEP], x + tape[at + LEFT_STEP], y + tape[at + RIGHT_STEP]
        back = tape[at + RUN_LENGTH] - 1
        o -= back * tape[at + OUT_STEP]
        x -= back * tape[at + LEFT_STEP]
        y -= back * tape[at + RIGHT_STEP]
        digit[k] = 0
    return o, x, y


def multiply(
    s: Scratch, message: int, count: int, card: int, out: int, left: int, right: int
) -> None:
    """Out = left * right over the first ``count`` runs, summed over ``card`` states of the next."""
    cells, digit, tape, runs = s.cells, s.lists.run_digits, s.tape, message + MESSAGE_HEAD
    v_left, v_right = tape[message + V_LEFT], tape[runs + RUN * count + RIGHT_STEP]
    n0, o0, x0, y0 = run_of(tape, runs, count, 0)
    n1, o1, x1, y1 = run_of(tape, runs, count, 1)
    n2, o2, x2, y2 = run_of(tape, runs, count, 2)
    for _ in range(outer_count(tape, runs, count, digit)):
        for k in range(n2):
            for j in range(n1):
                o = out + k * o2 + j * o1
                x, y = left + k * x2 + j * x1, right + k * y2 + j * y1
                for i in range(n0):
                    a, b = x + i * x0, y + i * y0
                    sum_ = load8(cells, a) * load8(cells, b)
                    if card > 1:
                        a, b = a + v_left, b + v_right
                        sum_ = sum_ + load8(cells, a) * load8(cells, b)
                    for _ in range(2, card):
                        a, b = a + v_left, b + v_right
                        sum_ = sum_ + load8(cells, a) * load8(cells, b)
                    store8(cells, o + i * o0, sum_)
        do, dx, dy = advance(tape, runs, count, digit)
        out, left, right = out + do, left + dx, right + dy


def pull(
    s: Scratch, message: int, out: int, left: int, right: int, want_left: bool, want_right: bool
) -> None:
    """Adds d out * right to d left, and d out * left to d right, over all runs.

    A cell that gets a single term is written without being read.
    """
    cells, adjoint, digit, tape = s.cells, s.adjoint, s.lists.run_digits, s.tape
    left_once, right_once = tape[message + LEFT_ONCE] != 0, tape[message + RIGHT_ONCE] != 0
    count, runs = tape[message + RUNS] + 1, message + MESSAGE_HEAD
    n0, o0, x0, y0 = run_of(tape, runs, count, 0)
    n1, o1, x1, y1 = run_of(tape, runs, count, 1)
    n2, o2, x2, y2 = run_of(tape, runs, count, 2)
    for _ in range(outer_count(tape, runs, count, digit)):
        for k in range(n2):
            o = out + k * o2, o1, o0
            x = left + k * x2, x1, x0
            y = right + k * y2, y1, y0
            if not want_left:
                pull_one(s, n1, n0, o, y, x, right_once)
            elif not want_right:
                pull_one(s, n1, n0, o, x, y, left_once)
            elif x0 == 0:
                pull_both(s, n1, n0, o, y, x, right_once)
            elif y0 == 0:
                pull_both(s, n1, n0, o, x, y, left_once)
            else:
                for j in range(n1):
                    for i in range(n0):
                        given = load8(adjoint, cell_at(o, j, i))
                        a, b = cell_at(x, j, i), cell_at(y, j, i)
                        to_left, to_right = given * load8(cells, b), given * load8(cells, a)
                        if not left_once:
                            to_left = load8(adjoint, a) + to_left
                        if not right_once:
                            to_right = load8(adjoint, b) + to_right
                        store8(adjoint, a, to_left)
                        store8(adjoint, b, to_right)
        do, dx, dy = advance(tape, runs, count, digit)
        out, left, right = out + do, left + dx, right + dy


def cell_at(plane: Plane, j: int, i: int) -> int:
    """A cell of two nested runs."""
    start, outer, inner = plane
    return start + j * outer + i * inner


def pull_one(s: Scratch, n1: int, n0: int, o: Plane, x: Plane, y: Plane, once: bool) -> None:
    """Adds d out * y to d x along two runs; a single place of x stays in a register."""
    cells, adjoint = s.cells, s.adjoint
    for j in range(n1):
        if x[2] == 0:
            sum_ = load8(adjoint, cell_at(x, j, 0))
            for i in range(n0):
                given = load8(adjoint, cell_at(o, j, i))
                sum_ = sum_ + given * load8(cells, cell_at(y, j, i))
            store8(adjoint, cell_at(x, j, 0), sum_)
        else:
            for i in range(n0):
                a = cell_at(x, j, i)
                given = load8(adjoint, cell_at(o, j, i)) * load8(cells, cell_at(y, j, i))
                if not once:
                    given = load8(adjoint, a) + given
                store8(adjoint, a, given)


def pull_both(s: Scratch, n1: int, n0: int, o: Plane, x: Plane, y: Plane, once: bool) -> None:
    """Adds d out * y to d x, and d out * x to d y, along two runs; y has one place in the inner."""
    cells, adjoint = s.cells, s.adjoint
    for j in range(n1):
        place = cell_at(y, j, 0)
        sum_, weight = load8(adjoint, place), load8(cells, place)
        for i in range(n0):
            given, a = load8(adjoint, cell_at(o, j, i)), cell_at(x, j, i)
            sum_ = sum_ + given * load8(cells, a)
            to = given * weight
            if not once:
                to = load8(adjoint, a) + to
            store8(adjoint, a, to)
        store8(adjoint, place, sum_)
