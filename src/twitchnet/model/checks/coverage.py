"""Does the model really hold what it claims to have taken from its article?

Each coverage item names an assertion and what encodes it, as references:

    node:NAME, node:NAME=STATE   a variable with a probability (and such a state)
    screen:NAME                  a question that a rule or an option reads
    link:PARENT->CHILD           a link that acts; PARENT=STATE for one state of a parent
    no_link:PARENT->CHILD        no direct link, on purpose
    group:NAME=WORD              a variable that is listed under this group
    rule:NAME, watch:NAME        what raises the urgency
    option:NAME                  something that a person can do
    option:NAME->TARGET          ... that acts on this cause, context or link's child
    text:variable.NAME           words that people are shown: a variable's question or
    text:option.NAME             description, an option's advice, a rule's reason
    text:rule.NAME
    duplicate:NUMBER             the assertion repeats another one

Values only; what a count looks like on a screen is not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from twitchnet.errors import nearest
from twitchnet.model.care import CoverageItem
from twitchnet.model.local import Table
from twitchnet.model.network import Network


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of an article a model encodes; assertions by their numbers.

    ``encoded`` have something that can be computed, ``text_only`` are only said in words,
    ``duplicates`` repeat another assertion, and ``broken`` maps a number to what is wrong
    with its references.  Every assertion is in exactly one of the four.
    """

    encoded: tuple[int, ...]
    text_only: tuple[int, ...]
    duplicates: tuple[int, ...]
    broken: dict[int, tuple[str, ...]]

    @property
    def total(self) -> int:
        """The number of assertions, repeats included."""
        return len(self.encoded) + len(self.text_only) + len(self.duplicates) + len(self.broken)

    @property
    def distinct(self) -> int:
        """The number of assertions that repeat no other."""
        return self.total - len(self.duplicates)

    def to_dict(self, items: Iterable[CoverageItem]) -> dict[str, object]:
        """The counts and the assertions, as plain values for JSON."""
        return {
            "total": self.total,
            "distinct": self.distinct,
            "encoded": len(self.encoded),
            "text_only": len(self.text_only),
            "broken": {str(number): list(flaws) for number, flaws in self.broken.items()},
            "assertions": [
                {"number": item.number, "assertion": item.assertion, "by": list(item.targets)}
                for item in items
            ],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.total} assertions, {self.distinct} distinct: {len(self.encoded)} encoded, "
            f"{len(self.text_only)} in words only, {len(self.broken)} broken"
        ]
        lines += [f"  {number}: {'; '.join(what)}" for number, what in self.broken.items()]
        return "\n".join(lines)


def coverage(network: Network) -> Coverage:
    """Resolves every reference of the coverage list and counts the assertions.

    >>> print(coverage(Network("empty", "1", ())))
    0 assertions, 0 distinct: 0 encoded, 0 in words only, 0 broken
    """
    encoded: list[int] = []
    text_only: list[int] = []
    duplicates: list[int] = []
    broken: dict[int, tuple[str, ...]] = {}
    for item in network.coverage:
        flaws = [flaw for target in item.targets if (flaw := unresolved(network, target))]
        kinds = {target.partition(":")[0] for target in item.targets}
        if "duplicate" not in kinds and item.text_only != (kinds == {"text"}):
            flaws.append("text_only belongs to an assertion that is encoded by text alone")
        if flaws or not item.targets:
            broken[item.number] = tuple(flaws) or ("nothing encodes it",)
        elif "duplicate" in kinds:
            duplicates.append(item.number)
        else:
            (text_only if item.text_only else encoded).append(item.number)
    return Coverage(tuple(encoded), tuple(text_only), tuple(duplicates), broken)


def unresolved(network: Network, reference: str) -> str:
    """Why a reference does not hold in this network; '' when it does."""
    kind, colon, rest = reference.partition(":")
    resolver = _RESOLVERS.get(kind)
    if resolver is None or not colon:
        return f"{reference!r} is not a reference: it begins with one of {', '.join(_RESOLVERS)}"
    flaw = resolver(network, rest)
    return flaw and f"{reference}: {flaw}"


def _node(network: Network, rest: str) -> str:
    name, _, state = rest.partition("=")
    variable = network.by_name.get(name)
    if variable is None:
        return f"no variable {name!r} {nearest(name, network.by_name)}".rstrip()
    if variable.local is None:
        return "a screen question has no probability"
    return "" if not state or state in variable.states else f"no state {state!r}"


def _screen(network: Network, rest: str) -> str:
    variable = network.by_name.get(rest)
    if variable is None or variable.kind != "screen":
        return "no such screen question"
    return "" if rest in network.read_by_care else "no rule and no option reads it"


def strength(network: Network, parent: str, child: str, state: str = "") -> float | None:
    """The largest strength of a direct link over its modifiers; None when there is none.

    With a ``state`` only that state of the parent counts.  For a table, the largest
    change of the child's distribution that the parent makes.
    """
    variable = network.by_name.get(child)
    if variable is None or variable.local is None or parent not in network.by_name:
        return None
    local = variable.local
    if isinstance(local, Table):
        if parent not in local.parents:
            return None
        table = np.moveaxis(local.probabilities, local.parents.index(parent), 0)
        return float(np.abs(table - table[:1]).max())
    for link in local.links:
        if link.parent == parent:
            if not state:
                return float(link.strength.max())
            index = network.by_name[parent].states.index(state)
            return float(np.take(link.strength, index, axis=len(link.modifiers)).max())
    if parent in local.modifiers:
        return 1.0
    return None


def _link(network: Network, rest: str) -> str:
    head, arrow, child = rest.partition("->")
    parent, _, state = head.partition("=")
    if not arrow:
        return "expected parent->child"
    for name in (parent, child):
        if name not in network.by_name:
            return f"no variable {name!r} {nearest(name, network.by_name)}".rstrip()
    if state and state not in network.by_name[parent].states:
        return f"{parent!r} has no state {state!r}"
    found = strength(network, parent, child, state)
    if found is None:
        return "no such link"
    return "" if found > 0 else "the link never acts"


def _no_link(network: Network, rest: str) -> str:
    parent, _, child = rest.partition("->")
    for name in (parent, child):
        if name not in network.by_name:
            return f"no variable {name!r} {nearest(name, network.by_name)}".rstrip()
    return "" if parent not in network.parents(child) else "there is a link"


def _group(network: Network, rest: str) -> str:
    name, _, word = rest.partition("=")
    variable = network.by_name.get(name)
    if variable is None or not word:
        return "expected a variable and its group"
    return "" if variable.group == word else f"its group is {variable.group!r}"


def _rule(network: Network, rest: str) -> str:
    return "" if any(rule.name == rest for rule in network.rules) else "no such rule"


def _watch(network: Network, rest: str) -> str:
    return "" if any(watch.target == rest for watch in network.watches) else "no such watch"


def _option(network: Network, rest: str) -> str:
    name, arrow, target = rest.partition("->")
    option = next((option for option in network.options if option.name == name), None)
    if option is None:
        return "no such option"
    acts_on = {effect.child or effect.target for effect in option.effects}
    return "" if not arrow or target in acts_on else f"it does not act on {target!r}"


def _text(network: Network, rest: str) -> str:
    place, _, name = rest.partition(".")
    if place == "variable" and name in network.by_name:
        variable = network.by_name[name]
        words = variable.description.strip() or variable.question.strip()
    elif place == "option":
        words = next((one.advice.strip() for one in network.options if one.name == name), "")
    elif place == "rule":
        words = next((one.reason.strip() for one in network.rules if one.name == name), "")
    else:
        return "text stands in a variable, an option or a rule"
    return "" if words else "there are no such words"


def _duplicate(network: Network, rest: str) -> str:
    other = next((item for item in network.coverage if str(item.number) == rest), None)
    if other is None:
        return "no such assertion"
    repeats = any(target.startswith("duplicate:") for target in other.targets)
    return "it repeats a repetition" if repeats else ""


_RESOLVERS: dict[str, Callable[[Network, str], str]] = {
    "node": _node,
    "screen": _screen,
    "link": _link,
    "no_link": _no_link,
    "group": _group,
    "rule": _rule,
    "watch": _watch,
    "option": _option,
    "text": _text,
    "duplicate": _duplicate,
}
