"""Which question comes next, and what does a reply mean?  An interview as a value.

An :class:`Interview` is frozen: every reply makes a new one, so going back is taking the
last reply away.  No input, no output and no inference in here; ``conversation.py`` talks
to a person, and whoever wants a cleverer order passes one in.

The order of questions:

1. the complaint, which is what a person came to tell;
2. what is asked in every use (``always_ask``), so that no red flag is missed;
3. follow-ups: screen questions that a rule waits for, or that an answer has opened;
4. the rest, in the order of the file, or as ``order`` says.

A question is open while it has no reply, its ``ask_if`` holds and the answers so far do
not settle it already (nobody is asked about a pregnancy that the tables rule out).
Causes are never asked about: they are what the interview is for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from twitchnet.diagnosis.care.triage import triage
from twitchnet.diagnosis.evidence import NO, UNKNOWN, YES, band_of
from twitchnet.diagnosis.report.report import spoken
from twitchnet.model.language.rules import holds, parse
from twitchnet.model.local import Table
from twitchnet.model.network import Network, Variable

Order = Callable[[Network, Mapping[str, str], Sequence[str]], str]
"""(network, answers so far, open questions in file order) -> the question to ask next."""

Kind = Literal["answer", "not sure", "back", "stop", "show", "help", "unclear"]

COMMANDS: Mapping[str, Kind] = {
    "not sure": "not sure",
    "notsure": "not sure",
    "unsure": "not sure",
    "don't know": "not sure",
    "dont know": "not sure",
    "skip": "not sure",
    "back": "back",
    "b": "back",
    "undo": "back",
    "stop": "stop",
    "quit": "stop",
    "exit": "stop",
    "done": "stop",
    "q": "stop",
    "show": "show",
    "help": "help",
    "h": "help",
    "?": "help",
}


REST = 3
"""The last step, in which nothing is asked for safety."""


def file_order(network: Network, answers: Mapping[str, str], questions: Sequence[str]) -> str:
    """The default order: that of the file."""
    return questions[0]


@dataclass(frozen=True, slots=True)
class Question:
    """One question as a person meets it; ``states`` are the possible answers."""

    name: str
    label: str
    text: str
    explanation: str
    states: tuple[str, ...]
    is_binary: bool
    no_is_first: bool = False  # whether "no" means the first state of a choice


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person typed: an answer (``state``), a command, or neither (``message``)."""

    kind: Kind
    state: str = ""
    message: str = ""


@dataclass(frozen=True)
class Interview:
    """An interview so far.

    ``given`` are answers (state by name) that were there at the start; ``said`` are the
    replies since, in order, with '' for *not sure*.

    >>> from twitchnet.model.network import Variable
    >>> rain = Variable("rain", "context", ("absent", "present"), "Rain", question="Does it rain?")
    >>> talk = Interview(Network("garden", "1", (rain,)))
    >>> talk.question.text
    'Does it rain?'
    >>> talk.reply("present").record
    {'rain': 'present'}
    """

    network: Network
    given: Mapping[str, str] = field(default_factory=dict)
    said: tuple[tuple[str, str], ...] = ()
    order: Order = file_order

    @property
    def answers(self) -> dict[str, str]:
        """State by name of everything that is answered."""
        return {**self.given, **{name: state for name, state in self.said if state}}

    @property
    def record(self) -> dict[str, str]:
        """The answers as ``diagnose`` and ``rank --from`` read them, in file order."""
        said = {**self.given, **{name: state or "unknown" for name, state in self.said}}
        return {v.name: said[v.name] for v in self.network.variables if v.name in said}

    @cached_property
    def open(self) -> tuple[str, ...]:
        """Every question that could be asked now, the complaint and the safety questions first."""
        answers = self.answers
        done = {*answers, *(name for name, _ in self.said)}
        left = [v for v in self.network.variables if v.name not in done and v.kind != "cause"]
        waiting = {name for rule in triage(self.network, answers).waiting for name in rule.ask}
        baselines = {v.name: v.states[0] for v in self.network.variables}

        def is_open(variable: Variable) -> bool:
            if variable.name in waiting:
                return True
            wanted = not variable.ask_if or holds(parse(variable.ask_if), answers, baselines)
            return wanted and not _settled(self.network, variable, answers)

        stages = {v.name: self._stage(v, waiting) for v in left if is_open(v)}
        ready = sorted(stages, key=lambda name: stages[name])  # stable: file order within
        safety = [name for name in ready if stages[name] < REST]
        rest = [name for name in ready if stages[name] == REST]
        if not safety and rest:
            first = self.order(self.network, answers, tuple(rest))
            rest = [first, *(name for name in rest if name != first)]
        return (*safety, *rest)

    @property
    def safety(self) -> tuple[str, ...]:
        """The open questions that a red flag depends on: always asked, or a rule waits for them."""
        rules = triage(self.network, self.answers).waiting
        waiting = {name for rule in rules for name in rule.ask}
        by_name = self.network.by_name
        return tuple(name for name in self.open if by_name[name].always_ask or name in waiting)

    def _stage(self, variable: Variable, waiting: Collection[str]) -> int:
        """In which of the four steps of the head of this file a question comes."""
        if variable.name == self.network.complaint:
            return 0
        if variable.always_ask:
            return 1
        follows = variable.kind == "screen" and bool(variable.ask_if)
        return 2 if variable.name in waiting or follows else REST

    @property
    def is_screened(self) -> bool:
        """Whether the complaint, the safety questions and their follow-ups are answered."""
        waiting = {name for rule in triage(self.network, self.answers).waiting for name in rule.ask}
        return all(
            self._stage(self.network.by_name[name], waiting) == REST for name in self.open[:1]
        )

    @property
    def left(self) -> int:
        """The most questions that can still come: those open now, and those that may open."""
        done = {*self.answers, *(name for name, _ in self.said)}
        return sum(v.name not in done and v.kind != "cause" for v in self.network.variables)

    @property
    def question(self) -> Question | None:
        """The question to ask now, or None when none is left."""
        return question_of(self.network.by_name[self.open[0]]) if self.open else None

    def reply(self, state: str) -> Interview:
        """The interview after an answer to the current question; '' is *not sure*.

        Raises ``ValueError`` when no question is left or the state is not one of its own.
        """
        asked = self.question
        if asked is None:
            raise ValueError("no question is left")
        if state and state not in asked.states:
            raise ValueError(f"{asked.name!r} has no state {state!r}")
        return replace(self, said=(*self.said, (asked.name, state)))

    def back(self) -> Interview:
        """The interview before the last reply; the same one when there is none."""
        return replace(self, said=self.said[:-1])


def question_of(variable: Variable) -> Question:
    """A variable as a question; without words of its own it is its label."""
    return Question(
        variable.name,
        variable.label,
        variable.question or f"{variable.label or variable.name}?",
        variable.description,
        variable.states,
        variable.is_binary,
        _no_is_first(variable),
    )


def _no_is_first(variable: Variable) -> bool:
    """Whether "no" answers a choice: of a finding the first state is what is usual.

    Of a background it may be one of several (sex, age), so its name has to say so.
    """
    if variable.is_binary or band_of(variable.states, 0) is not None:
        return False
    return variable.kind in ("finding", "screen") or variable.states[0].lower() in NOTHING


NOTHING = frozenset(("none", "no", "never", "low", "normal", "nothing", "off", "absent"))
"""Names of a first state that "no" may mean."""


def read_reply(question: Question, typed: str) -> Reply:
    """What a reply to a question means.

    A state may be named in full, by a unique beginning or by its number in the list; yes,
    no and their short forms answer what is absent or present; a plain number answers
    bands such as 18-34.  A state wins over a command of the same name.

    >>> age = Question("age", "Age", "How old are you?", "", ("18-34", "35-49", "50+"), False)
    >>> read_reply(age, "42").state, read_reply(age, "3").state, read_reply(age, "Back").kind
    ('35-49', '50+', 'back')
    """
    word = spoken(typed.lower())
    lowered = [spoken(state.lower()) for state in question.states]
    if word in lowered:
        return Reply("answer", question.states[lowered.index(word)])
    if word in COMMANDS:
        return Reply(COMMANDS[word])
    if word in UNKNOWN:
        return Reply("not sure")
    if question.is_binary and (word in YES or word in NO or word in ("yep", "yeah", "nope")):
        return Reply("answer", question.states[word in YES or word in ("yep", "yeah")])
    if question.no_is_first and word in (*NO, "nope"):
        return Reply("answer", question.states[0])
    place = _place(question, word)
    if place is not None:
        return Reply("answer", question.states[place])
    choices = (
        "yes or no" if question.is_binary else f"one of {', '.join(map(spoken, question.states))}"
    )
    return Reply(
        "unclear", message=f"I did not understand {typed.strip()[:40]!r}: {choices}, please."
    )


def _place(question: Question, word: str) -> int | None:
    """The state that a number, a band or a unique beginning points at."""
    lowered = [spoken(state.lower()) for state in question.states]
    if word.isdecimal() and word.isascii() and len(word) < 10 and not question.is_binary:
        number = int(word)
        if 1 <= number <= len(lowered):
            return number - 1
        return band_of(question.states, word)
    begins = [place for place, state in enumerate(lowered) if word and state.startswith(word)]
    return begins[0] if len(begins) == 1 else None


def _settled(network: Network, variable: Variable, answers: Mapping[str, str]) -> bool:
    """Whether the answers leave the variable only one state, by its own table."""
    local = variable.local
    if not isinstance(local, Table) or not local.parents:
        return False
    index = tuple(
        network.by_name[parent].states.index(answers[parent]) if parent in answers else slice(None)
        for parent in local.parents
    )
    rows = local.probabilities[index].reshape(-1, variable.card)
    return bool((rows > 0).any(axis=0).sum() == 1)
