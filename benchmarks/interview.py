"""How long is an interview, and what does stopping early cost?

    python benchmarks/interview.py --persons 60

Persons with the complaint are drawn from a model, and answer every question as they were drawn.
Each interview asks by the order of ``Model.best_order`` and goes on to the end; for some
thresholds of the probability that one more answer changes the leader (by gain) or the urgency,
the table says after how many questions it would have stopped, and how often it then had the
leader and the urgency of the full questionnaire.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

import twitchnet as tn
from twitchnet.diagnosis.interview.interview import Interview
from twitchnet.engine.kernels import compiler
from twitchnet.model.sampling import sample

THRESHOLDS = (0.5, 0.3, 0.2, 0.1, 0.05)


@dataclass(frozen=True)
class Step:
    """One question of an interview: how many were asked, the chance of a change, and the result."""

    asked: int
    change: float
    leader: str
    urgency: str
    seconds: float


def interview(model: tn.Model, truth: dict[str, str], most: int) -> list[Step]:
    """The steps after screening, up to ``most`` questions."""
    adviser, network = model.best_order(), model.network
    talk = Interview(network, {network.complaint: "present"}, order=adviser)
    steps = []
    while talk.open and len(talk.said) < most:
        start = time.perf_counter()
        if talk.is_screened:
            look = adviser.look(talk.answers, talk.open)
            seconds = time.perf_counter() - start
            dx = model.diagnose(talk.answers)
            change = look.change if look else 1.0
            steps.append(Step(len(talk.said) + 1, change, dx.leader, dx.urgency, seconds))
        name = talk.open[0]
        talk = talk.reply(truth.get(name, network.by_name[name].states[0]))
    return steps


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", default="twitchy_legs")
    options.add_argument("--persons", type=int, default=60)
    options.add_argument("--most", type=int, default=40, help="questions of one interview")
    options.add_argument("--seed", type=int, default=11)
    chosen = options.parse_args()
    compiler.compiled()
    model = tn.load(chosen.model)
    network = model.network
    rng = np.random.default_rng(chosen.seed)
    codes = sample(network, chosen.persons, rng, {network.complaint: "present"})
    runs = []
    for row in codes:
        states = {v.name: v.states[code] for v, code in zip(network.nodes, row, strict=True)}
        truth = {n: s for n, s in states.items() if network.by_name[n].kind != "cause"}
        try:
            whole = model.diagnose(truth)
        except tn.CapacityError:
            continue
        runs.append((whole.leader, whole.urgency, interview(model, truth, chosen.most)))
    waits = [1000.0 * step.seconds for _, _, steps in runs for step in steps]
    print(f"{len(runs)} persons; {np.median(waits):.0f} ms a question in the median")
    print("| stops below | questions, median | 90 % | same leader | same urgency |")
    print("|---|---|---|---|---|")
    for threshold in THRESHOLDS:
        ends = [
            (leader, urgency, next((s for s in steps if s.change < threshold), steps[-1]))
            for leader, urgency, steps in runs
        ]
        asked = [step.asked for _, _, step in ends]
        leaders = np.mean([leader == step.leader for leader, _, step in ends])
        urgencies = np.mean([urgency == step.urgency for _, urgency, step in ends])
        print(
            f"| {threshold:g} | {np.median(asked):.0f} | {np.percentile(asked, 90):.0f} "
            f"| {leaders:.0%} | {urgencies:.0%} |"
        )


if __name__ == "__main__":
    main()
