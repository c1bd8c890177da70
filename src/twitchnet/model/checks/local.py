"""Is each local model whole: are its parents there, its arrays of the right shape and range?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from twitchnet.model.checks.scope import SECTIONS, Found, Keys, Scope
from twitchnet.model.local import Array, Descriptor, Parts, Table
from twitchnet.model.network import Variable

MAX_LOCAL_CELLS = 10_000_000
FEW = 16
SUM_TOLERANCE = 1e-6


def check_mechanism(variable: Variable, scope: Scope) -> Iterator[Found]:
    """What is wrong with the local model of a variable."""
    local, name = variable.local, variable.name
    if local is None:
        missing = variable.kind != "screen" and not scope.lost("mechanism", name)
        if missing:
            keys = (SECTIONS[variable.kind], name)
            message = f"{name!r} has no mechanism"
            yield Found("TN140", keys, message, hint=f"add mechanisms.{name}", at_key=True)
        return
    keys = ("mechanisms", name)
    if variable.kind == "screen":
        message = f"{name!r} is a screen question, which has no mechanism"
        yield Found("TN141", keys, message, at_key=True)
        return
    if isinstance(local, Table):
        yield from _array(
            local.probabilities, local.parents, [variable.card], scope, (*keys, "table"), rows=True
        )
        return
    if not local.graded and variable.card != 2:
        message = f"{type(local).__name__} needs two states, {name} has {variable.card}"
        yield Found("TN146", keys, message, at_key=True)
        return
    own = [variable.card] if local.graded else []
    yield from _array(
        local.leak.strength, local.leak.modifiers, own, scope, (*keys, "leak"), rows=bool(own)
    )
    yield from _links(local, own, scope, keys)
    if isinstance(local, Descriptor):
        yield from _descriptor(local, scope, keys)


def _links(local: Parts, own: list[int], scope: Scope, keys: Keys) -> Iterator[Found]:
    seen: set[str] = set()
    for link in local.links:
        at = (*keys, "links", link.parent)
        if link.parent in seen:
            yield Found("TN145", at, f"{link.parent} has a link already", at_key=True)
        seen.add(link.parent)
        if link.parent in link.modifiers:
            yield Found("TN125", at, f"{link.parent!r} modifies its own link", at_key=True)
        wrong = list(scope.node(link.parent, at, at_key=True))
        yield from wrong
        if wrong or link.parent not in scope.cards:
            continue
        card = 2 if isinstance(local, Descriptor) else scope.cards[link.parent]
        before = len(wrong)
        wrong += _array(link.strength, link.modifiers, [card, *own], scope, at, rows=bool(own))
        yield from wrong[before:]
        if wrong or local.baseline_acts:
            continue
        baseline = link.strength[..., 0, 1:] if own else link.strength[..., 0]
        if baseline.any():
            message = f"the baseline of {link.parent} produces something"
            yield Found("TN145", at, message, at_key=True)


def _descriptor(local: Descriptor, scope: Scope, keys: Keys) -> Iterator[Found]:
    at = (*keys, "describes")
    wrong = list(scope.node(local.of, at))
    yield from wrong
    finding = scope.by_name.get(local.of)
    if wrong or finding is None or finding.local is None:
        return
    if isinstance(finding.local, Descriptor):
        hint = f"describe {finding.local.of!r}"
        yield Found("TN143", at, f"{local.of!r} is itself a descriptor", hint=hint)
    elif not finding.local.produces:
        yield Found("TN142", at, f"{local.of!r} is not a noisy-OR")
    else:
        # A link from the finding itself acts whatever produces it.
        for link in local.links:
            known = link.parent == local.of or scope.has_link(link.parent, local.of)
            if link.parent in scope.by_name and not known:
                message = f"{link.parent} does not produce {local.of}"
                yield Found(
                    "TN144", (*keys, "links", link.parent), message, link.parent,
                    sorted(scope.acting(local.of)), at_key=True,
                )  # fmt: skip


def _array(
    array: Array,
    names: tuple[str, ...],
    further: list[int],
    scope: Scope,
    keys: Keys,
    *,
    rows: bool,
) -> Iterator[Found]:
    """Shape and numbers of an array over ``names`` and then ``further`` cards."""
    wrong = False
    seen: set[str] = set()
    for index, name in enumerate(names):
        for problem in scope.node(name, (*keys, "by", index)):
            wrong = True
            yield problem
        if name in seen:
            wrong = True
            yield Found("TN125", (*keys, "by", index), f"{name!r} is named twice")
        seen.add(name)
    if wrong or any(name not in scope.cards for name in names):
        return
    shape = (*(scope.cards[name] for name in names), *further)
    if array.shape != shape:
        message = f"an array of shape {array.shape} where {shape} is expected"
        yield Found("TN134", keys, message, at_key=True)
    elif not rows and array.size <= FEW and all(0 <= p <= 1 for p in array.reshape(-1).tolist()):
        return  # most arrays are a number or two, for which numpy is slow
    elif array.size > MAX_LOCAL_CELLS:
        message = f"{array.size:,} cells, at most {MAX_LOCAL_CELLS:,} are allowed"
        yield Found("TN148", keys, message, at_key=True)
    elif not np.isfinite(array).all():
        yield Found("TN110", keys, "a probability is not a finite number", at_key=True)
    elif array.size and (array.min() < 0 or array.max() > 1):
        value = array.min() if array.min() < 0 else array.max()
        message = f"{value:.6g} is not a probability: it is outside 0 to 1"
        yield Found("TN130", keys, message, at_key=True)
    elif rows:
        total = array.sum(axis=-1)
        off = np.abs(total - 1.0)
        if off.max() > SUM_TOLERANCE:
            worst = total[np.unravel_index(off.argmax(), off.shape)]
            message = f"the probabilities of a row add up to {worst:.6g}, not to 1"
            yield Found("TN133", keys, message, at_key=True)
