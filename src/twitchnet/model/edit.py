"""Which network is it with some numbers, variables or parts changed?

Pure functions from networks to networks; ``check`` judges the result.  A number has the name
that ``sensitivity`` gives it: ``child <- parent`` (or ``parent -> child``) for a link,
``child leak`` for a leak, ``child`` for a table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from twitchnet.errors import ModelError, Problem, nearest
from twitchnet.model.care import Option
from twitchnet.model.language.rules import Answer, AtLeast, Condition, parse
from twitchnet.model.local import Array, LocalModel, Table
from twitchnet.model.network import Network, Parameter, Variable

NumberChange = float | Sequence[object] | Mapping[str, object]
"""A probability; all numbers of the part, nested as its array is; or ``{p, range, source}``."""

_ARROW = re.compile(r"\s*(->|<-)\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """One array of numbers of a network: the table, the leak or a link of a variable."""

    node: str
    name: str  # "table", "leak" or "link:parent", as ``Parameter.part``


def part_of(network: Network, text: str) -> Part:
    """The part that a name means.  Raises ``ModelError`` with the nearest right name.

    >>> from twitchnet.model.network import Network, Variable
    >>> rain = Variable("rain", "cause", ("absent", "present"), "Rain", Table((), [0.8, 0.2]))
    >>> part_of(Network("n", "1", (rain,)), "rain")
    Part(node='rain', name='table')
    """
    pieces = _ARROW.split(text.strip())
    if len(pieces) == 3:
        parent, _, child = pieces if pieces[1] == "->" else pieces[::-1]
        wanted = Part(child, f"link:{parent}")
    else:
        node, _, what = text.strip().partition(" ")
        local = network.by_name[node].local if node in network.by_name else None
        plain = "table" if isinstance(local, Table) else "leak"
        wanted = Part(node, what.strip() or plain)
    known = {_named(part): part for part in parts_of(network)}
    if _named(wanted) not in known:
        hint = nearest(_named(wanted), known)
        raise ModelError([Problem("TN115", f"no number {text[:120]!r} in the model", hint=hint)])
    return wanted


def parts_of(network: Network) -> Iterable[Part]:
    """Every array of numbers of the network."""
    for variable in network.nodes:
        for name in variable.local.blocks if variable.local else ():
            yield Part(variable.name, name)


def _named(part: Part) -> str:
    kind, _, parent = part.name.partition(":")
    return f"{parent} -> {part.node}" if parent else f"{part.node} {kind}"


def with_numbers(network: Network, changes: Mapping[str, NumberChange]) -> Network:
    """The network with some numbers changed; see ``Model.with_numbers``.

    Raises ``ModelError`` for names that no number has and for values that do not fit.
    """
    problems: list[Problem] = []
    for text, change in changes.items():
        try:
            network = _with_number(network, part_of(network, text), text, change)
        except ModelError as error:
            problems += error.problems
    if problems:
        raise ModelError(problems)
    return network


def _with_number(network: Network, part: Part, text: str, change: NumberChange) -> Network:
    local = network.by_name[part.node].local
    assert local is not None
    before = local.blocks[part.name].array
    mine = [one for one in network.parameters if (one.node, one.part) == (part.node, part.name)]
    others = tuple(one for one in network.parameters if one not in mine)
    said = change if isinstance(change, Mapping) else {"p": change}
    strange = set(said) - {"p", "range", "source"}
    if strange or "p" not in said:
        raise _wrong(text, "a number is a probability, or {p, range, source}")
    value = said["p"]
    if isinstance(value, int | float) and not isinstance(value, bool):
        after, moved = _shifted(local, before, mine, float(value), text)
    else:
        after = _whole(before, value, text)
        moved = [_with_value(one, float(after.reshape(-1)[one.cells[0]])) for one in mine]
    kept = tuple(_with_range(one, said, text) for one in moved)
    variables = tuple(
        replace(one, local=local.with_block(part.name, after)) if one.name == part.node else one
        for one in network.variables
    )
    at = next((i for i, one in enumerate(network.parameters) if one in mine), len(others))
    return replace(network, variables=variables, parameters=(*others[:at], *kept, *others[at:]))


def _wrong(text: str, message: str) -> ModelError:
    return ModelError([Problem("TN122", message, text[:120])])


def _shifted(
    local: LocalModel, before: Array, mine: Sequence[Parameter], value: float, text: str
) -> tuple[Array, list[Parameter]]:
    """The array with one number set; cells that share its range move with it, in logits."""
    if not 0.0 <= value <= 1.0:
        raise _wrong(text, f"the probability {value:g} is outside 0 to 1")
    if len(mine) > 1:
        raise _wrong(text, f"it has {len(mine)} numbers: give all of them as a nested list")
    cells = list(mine[0].cells) if mine else _free_cells(local, before)
    old = mine[0].value if mine else float(before.reshape(-1)[cells[0]]) if cells else 0.0
    if not cells or (not mine and len({float(before.reshape(-1)[cell]) for cell in cells}) > 1):
        raise _wrong(text, f"it has several numbers: give all of them, shape {before.shape}")
    flat = before.reshape(-1).copy()
    for cell in cells:
        flat[cell] = value if flat[cell] == old else _moved(float(flat[cell]), old, value)
    after: Array = flat.reshape(before.shape)
    if local.graded:  # the last axis sums to 1, its baseline taking what is left
        rest = 1.0 - after[..., 1:].sum(axis=-1)
        if (rest < 0.0).any():
            raise _wrong(text, "the probabilities would add up to more than 1")
        after[..., 0] = rest
    return after, [_with_value(one, value) for one in mine]


def _free_cells(local: LocalModel, array: Array) -> list[int]:
    """The cells that a number may set: not the parent's or the child's baseline."""
    index = np.arange(array.size).reshape(array.shape)
    if local.graded:  # the last axis sums to 1, its baseline taking what is left
        return [int(cell) for cell in index[..., 1:].reshape(-1)] if array.shape[-1] == 2 else []
    acts = isinstance(local, Table) or local.baseline_acts
    if array.ndim and not acts and array[..., 0].max(initial=0.0) == 0.0:
        index = index[..., 1:]
    return [int(cell) for cell in index.reshape(-1)]


def _moved(p: float, old: float, new: float) -> float:
    """A probability after the shift of logits that takes ``old`` to ``new``; 0 and 1 stay.

    >>> round(_moved(0.5, 0.2, 0.5), 12)
    0.8
    """
    if p in (0.0, 1.0) or old in (0.0, 1.0):
        return p
    if new in (0.0, 1.0):
        return new
    odds = p / (1.0 - p) * (new / (1.0 - new)) / (old / (1.0 - old))
    return odds / (1.0 + odds)


def _whole(before: Array, value: object, text: str) -> Array:
    try:
        after = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise _wrong(text, "a probability or a nested list of them is expected") from None
    if after.shape != before.shape:
        raise _wrong(text, f"numbers of the shape {before.shape} are expected, not {after.shape}")
    return after


def _with_range(one: Parameter, said: Mapping[str, object], text: str) -> Parameter:
    """The provenance of a changed number, with the range and the sources that were given."""
    sources = said.get("source", one.sources)
    if isinstance(sources, str):
        sources = (sources,)
    if not isinstance(sources, Sequence):
        raise _wrong(text, "source is the key of a source, or a list of keys")
    keys = tuple(str(key) for key in sources)
    if "range" in said:
        ends = said["range"]
        if not isinstance(ends, Sequence) or len(ends) != 2:
            raise _wrong(text, "range is [low, high]")
        return replace(one, low=float(ends[0]), high=float(ends[1]), sources=keys)
    return replace(one, sources=keys)


def _with_value(one: Parameter, value: float) -> Parameter:
    """The provenance with another value; a range that would not hold it moves along."""
    low, high = one.low, one.high
    if low == high or value in (0.0, 1.0):
        low = high = value
    elif not low <= value <= high:
        low, high = (_moved(end, one.value, value) for end in (low, high))
    return replace(one, value=value, low=low, high=high)


# -- variables ----------------------------------------------------------------------------


def with_variables(
    network: Network, variables: Iterable[Variable], parameters: Iterable[Parameter] = ()
) -> Network:
    """The network with variables added, or replaced where the name exists already.

    The ranges and sources of a replaced variable's numbers go; ``parameters`` are new ones.
    """
    new = {variable.name: variable for variable in variables}
    old = network.by_name
    kept = tuple(new.get(one.name, one) for one in network.variables)
    added = tuple(one for name, one in new.items() if name not in old)
    provenance = tuple(one for one in network.parameters if one.node not in new)
    return replace(network, variables=(*kept, *added), parameters=(*provenance, *tuple(parameters)))


def without(network: Network, names: Sequence[str]) -> Network:
    """The network without some variables: nobody can report or have them any more.

    Links from them go, and with a finding its descriptors.  Conditions are read as if the
    variables were never answered; a rule that could not fire any more goes, as do watches,
    effects and coverage about them.  Raises ``ModelError`` for a name that is wrong, and where
    another variable's table or modifier depends on one of them.
    """
    gone = dict.fromkeys(names)
    problems = []
    for name in names:
        if name not in network.by_name:
            hint = nearest(name, network.by_name)
            problems.append(Problem("TN112", f"no variable named {name[:80]!r}", hint=hint))
    gone |= dict.fromkeys(one for one, of in network.descriptors.items() if of in gone)
    variables = []
    for variable in network.variables:
        if variable.name in gone:
            continue
        local = variable.local
        held = _held(local, gone)
        if held:
            message = f"its numbers depend on {held!r}, which cannot be left out"
            problems.append(Problem("TN115", message, variable.name, hint="replace it first"))
        elif local is not None and not isinstance(local, Table):
            local = replace(local, links=tuple(x for x in local.links if x.parent not in gone))
        asked = _condition(variable.ask_if, gone)
        variables.append(replace(variable, local=local, ask_if=asked or ""))
    if problems:
        raise ModelError(problems)
    links = {f"link:{name}" for name in gone}
    return replace(
        network,
        variables=tuple(variables),
        parameters=tuple(
            one for one in network.parameters if one.node not in gone and one.part not in links
        ),
        complaint="" if network.complaint in gone else network.complaint,
        targets=tuple(name for name in network.targets if name not in gone),
        rules=tuple(
            replace(rule, when=when)
            for rule in network.rules
            if (when := _condition(rule.when, gone)) is not None
        ),
        watches=tuple(one for one in network.watches if one.target.partition("=")[0] not in gone),
        options=tuple(_options(network, gone)),
        coverage=(),
    )


def _held(local: LocalModel | None, gone: Mapping[str, None]) -> str:
    """A variable that a table or a modifier of the local model cannot do without."""
    if local is None:
        return ""
    names = local.parents if isinstance(local, Table) else local.modifiers
    return next((name for name in names if name in gone), "")


def _condition(text: str, gone: Mapping[str, None]) -> str | None:
    """A condition without answers that nobody can give; None when it can hold no more."""
    if not text:
        return text
    left = _left(parse(text), gone)
    return None if left is None else str(left)


def _left(condition: Condition, gone: Mapping[str, None]) -> Condition | None:
    if isinstance(condition, Answer):
        return None if condition.name in gone else condition
    parts = [part for each in condition.parts if (part := _left(each, gone)) is not None]
    if len(parts) < condition.count:
        return None
    return parts[0] if len(parts) == 1 else AtLeast(condition.count, tuple(parts))


def _options(network: Network, gone: Mapping[str, None]) -> Iterable[Option]:
    for option in network.options:
        effects = []
        for effect in option.effects:
            when = _condition(effect.only_if, gone)
            if gone.keys() & {effect.target, effect.child, effect.given} or when is None:
                continue
            effects.append(replace(effect, only_if=when))
        wanted = _condition(option.only_if, gone)
        if wanted is None or (option.effects and not effects):
            continue
        yield replace(
            option,
            effects=tuple(effects),
            only_if=wanted,
            fine_if=_condition(option.fine_if, gone) or "",
            caution_if=_condition(option.caution_if, gone) or "",
        )
