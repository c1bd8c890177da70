"""What is this model, and how far can it be trusted?  The model card, made from the model.

:func:`card_page` gathers everything that a reader should know before using a model: whom
it is for, its limits, every variable with its question, every rule and option, the
modelling choices, and where the numbers come from.  The document in the repository is
this page as Markdown; a test compares the two, so the card cannot fall behind the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.diagnosis.report.wording import percent
from twitchnet.engine.shares import ratio
from twitchnet.model.care import Effect
from twitchnet.model.local import Table as LocalTable
from twitchnet.model.network import Network, Variable
from twitchnet.model.words import capital
from twitchnet.show.page import Block, Cell, Column, Item, Items, Page, Paragraph, Section, Table

SOURCE_KINDS = {"literature": "publication", "page": "page that was read", "judgement": "judgement"}


def card_page(network: Network, inference: Inference) -> Page:
    """The model card of a network; ``inference`` supplies what holds before any answer."""
    sections = [
        _purpose(network),
        _listed("Limits", network.limits),
        _size(network, inference),
        _causes(network, inference),
        _contexts(network, inference),
        _findings(network),
        _screens(network),
        _rules(network),
        _watches(network),
        _options(network),
        _listed("Modelling choices", network.notes),
        _sources(network),
    ]
    return Page(
        title=f"Model card: {network.title or network.name}",
        subtitle=f"{network.name} {network.version}, fingerprint {network.fingerprint}. "
        f"Made from the model by: twitchnet card {network.name}",
        sections=tuple(section for section in sections if section is not None),
        footer=network.words.disclaimer,
    )


def _purpose(network: Network) -> Section | None:
    parts = [
        Paragraph(text, lead)
        for lead, text in (
            ("", network.description),
            ("For whom:", network.population),
            ("Time window:", network.window),
            ("Review:", network.reviewed),
        )
        if text
    ]
    return Section("What it is", tuple(parts)) if parts else None


def _listed(heading: str, texts: Sequence[str]) -> Section | None:
    return Section(heading, (Items(tuple(Item(text) for text in texts)),)) if texts else None


def _size(network: Network, inference: Inference) -> Section:
    """How large it is, what answers cost, and what its numbers rest on."""
    words = network.words
    counts = [
        (network.names("context"), words.context.many),
        (network.names("cause"), words.cause.many),
        (network.names("finding"), words.finding.many),
        (network.names("screen"), "questions that only rules read"),
        (network.rules, "rules"),
        (network.watches, "watches on posteriors"),
        (network.options, "options"),
        (network.coverage, "assertions with their encoding"),
    ]
    causes = set(network.names("cause"))
    arcs = [(p, v) for v in network.nodes for p in network.parents(v.name)]
    between = sum(parent in causes and variable.name in causes for parent, variable in arcs)
    lines = [
        ", ".join(f"{len(what)} {name}" for what, name in counts if what),
        f"{len(arcs)} arcs, {between} of them between {words.cause.many}; "
        f"{len(network.parameters)} numbers with a range or a source of their own",
    ]
    records = [("with nothing answered", Answers())]
    if network.complaint:
        records.append((f"with {network.complaint} alone", Answers({network.complaint: 1})))
    costs = [
        f"{inference.plan(inference.evidence(answers)).cells:.0e} {when}".replace("e+0", "e")
        for when, answers in records
    ]
    lines.append(f"Table cells that an exact answer takes, about: {', '.join(costs)}")
    resting = Counter(
        kind for parameter in network.parameters for kind in _kinds(network, parameter.sources)
    )
    if resting:
        total = len(network.parameters)
        lines.append(
            "The numbers rest on (one may rest on several): "
            + ", ".join(
                f"{words} {percent(resting[kind] / total)}"
                for kind, words in SOURCE_KINDS.items()
                if resting[kind]
            )
        )
    return Section("Size", (Items(tuple(Item(f"{line}.") for line in lines)),))


def _kinds(network: Network, keys: Iterable[str]) -> set[str]:
    kinds = {source.key: source.kind for source in network.sources}
    return {kinds[key] for key in keys if key in kinds}


def _table(
    heading: str, columns: str, rows: Iterable[tuple[Cell, ...]], note: str = ""
) -> Section | None:
    """A section with a table; a column whose head begins with > is aligned to the right."""
    heads = [head.strip() for head in columns.split("|")]
    made = tuple(rows)
    if not made:
        return None
    table = Table(
        tuple(Column(head.removeprefix(">"), head.startswith(">")) for head in heads), made
    )
    blocks: tuple[Block, ...] = (Paragraph(note), table) if note else (table,)
    return Section(heading, blocks)


def _causes(network: Network, inference: Inference) -> Section | None:
    rows: list[tuple[Cell, ...]] = []
    graded = any(network.by_name[name].severity for name in network.ranked)
    coded = any(network.by_name[name].icd10 for name in network.ranked)
    for name in network.ranked:
        variable, row = network.by_name[name], inference.prior.probability[name]
        course = network.extra.get(f"causes.{name}.course", "")
        about = f"{variable.description} {course}".strip()
        for state, chance in zip(variable.states[1:], row[1:], strict=True):
            label = variable.label if variable.is_binary else f"{variable.label}: {state}"
            before, codes = percent(float(chance)), ", ".join(variable.icd10)
            cells = [f"{label} ({name})", before]
            cells += [_words(variable.severity)] if graded else []
            cells += [codes] if coded else []
            rows.append((*cells, about))
    note = "Before any answer, in the population above"
    note += "; ICD-10 only where it is sure." if coded else "."
    words = network.words.cause
    heads = f"{words.one} | >before any answer | "
    heads += ("severity | " if graded else "") + ("ICD-10 | " if coded else "") + "what it is"
    return _table(capital(words.many), heads, rows, note)


def _contexts(network: Network, inference: Inference) -> Section | None:
    rows: list[tuple[Cell, ...]] = []
    for name in network.names("context"):
        variable = network.by_name[name]
        shares = [percent(_marginal(inference, name, i)) for i in range(variable.card)]
        pairs = zip(variable.states, shares, strict=True)
        before = shares[1] if variable.is_binary else ", ".join(map(" ".join, pairs))
        rows.append((f"{variable.label} ({name})", before, variable.question))
    words = network.words.context
    return _table(capital(words.many), f"{words.one} | before any answer | question", rows)


def _marginal(inference: Inference, name: str, state: int) -> float:
    """P(state) with nothing observed; cheap for what stands near the roots."""
    return float(ratio(inference.log_evidence(inference.evidence(Answers({name: state}))), 0.0))


def _findings(network: Network) -> Section | None:
    rows: list[tuple[Cell, ...]] = []
    for name in network.names("finding"):
        v = network.by_name[name]
        urgency = (_words(v.urgency),) if network.triage_levels else ()
        rows.append((f"{v.label} ({name})", _leak(v), *urgency, _asked(v), v.question))
    words = network.words
    one, cause = words.finding.one, words.cause.one
    note = (
        f"Without {words.cause.a}: how often the {one} is present when no {cause} of the model "
        f"produces it; {words.finding.a} that describes another is counted where that one is "
        f"present without {words.cause.a}."
    )
    alone = "urgency alone | " if network.triage_levels else ""
    heads = f"{one} | >without {words.cause.a} | {alone}asked | question"
    return _table(capital(words.finding.many), heads, rows, note)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _leak(variable: Variable) -> str:
    """The leak, or its smallest and largest value over its modifiers."""
    local = variable.local
    if local is None or isinstance(local, LocalTable) or variable.card > 2:
        return ""
    low, high = float(local.leak.strength.min()), float(local.leak.strength.max())
    return percent(low) if low == high else f"{percent(low)} to {percent(high)}"


def _asked(variable: Variable) -> str:
    if variable.always_ask:
        return "always"
    return f"if {variable.ask_if}" if variable.ask_if else ""


def _screens(network: Network) -> Section | None:
    rows: list[tuple[Cell, ...]] = []
    for name in network.names("screen"):
        variable = network.by_name[name]
        rows.append((f"{variable.label} ({name})", _asked(variable), variable.question))
    note = "They have no probability: only rules and options read them."
    return _table("Questions that only rules read", "question | asked | in words", rows, note)


def _rules(network: Network) -> Section | None:
    rows: list[tuple[Cell, ...]] = []
    for rule in network.rules:
        when = rule.when or "nothing fired"
        when += " (when no more urgent rule fired)" if rule.alone else ""
        rows.append((rule.name, _words(rule.urgency), when, rule.reason))
    return _table("Rules of urgency", "rule | urgency | when | why", rows)


def _watches(network: Network) -> Section | None:
    rows: list[tuple[Cell, ...]] = [
        (
            watch.target,
            percent(watch.threshold),
            _words(watch.urgency),
            watch.sentence(
                network.by_name[watch.target.partition("=")[0]].label, network.words.likely
            ),
        )
        for watch in network.watches
    ]
    note = (
        f"A posterior, from {network.words.context.many} and present "
        f"{network.words.finding.many} alone, that raises the urgency."
    )
    heads = f"{network.words.cause.one} | >above | urgency | why"
    return _table("Watches on posteriors", heads, rows, note)


def _options(network: Network) -> Section | None:
    rows: list[tuple[Cell, ...]] = [
        (option.label, "; ".join(map(_effect, option.effects)), option.time_scale, option.advice)
        for option in network.options
    ]
    note = (
        "A factor is the share that remains (1 no effect, 0 removed), with its range and the "
        "quality of the evidence."
    )
    return _table(network.words.options, "option | acts on | time | advice", rows, note)


def _effect(effect: Effect) -> str:
    if effect.kind == "context":
        return f"{effect.target} becomes {effect.state}"
    target = f"{effect.target} -> {effect.child}" if effect.kind == "link" else effect.target
    text = f"{target} x {effect.factor:g} ({effect.low:g}-{effect.high:g})"
    return f"{text} {effect.quality}".strip()


def _sources(network: Network) -> Section | None:
    """Every source, and how many numbers, rules and options name it."""
    used = Counter(key for parameter in network.parameters for key in parameter.sources)
    used.update(key for rule in network.rules for key in rule.sources)
    used.update(key for watch in network.watches for key in watch.sources)
    for option in network.options:
        used.update(option.sources)
        used.update(key for effect in option.effects for key in effect.sources)
    rows: list[tuple[Cell, ...]] = [
        (source.cite, source.kind, source.confidence, str(used[source.key]), source.url)
        for source in network.sources
    ]
    note = "Uses: by how many numbers, rules, options and effects a source is named."
    return _table("Sources", "source | kind | confidence | >uses | address", rows, note)
