"""The interview: the order of its questions, what replies mean, and a talk through a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from twitchnet.api import Model
from twitchnet.diagnosis.evidence import read_answers
from twitchnet.diagnosis.interview.adviser import LIKELY
from twitchnet.diagnosis.interview.conversation import HELP, closing_page, command_line, converse
from twitchnet.diagnosis.interview.interview import Interview, Question, question_of, read_reply
from twitchnet.diagnosis.report.facts import Report
from twitchnet.errors import CapacityError
from twitchnet.io.model_file.reader import parse_network
from twitchnet.model.network import Network, Variable
from twitchnet.show.page import Page
from twitchnet.show.text import text

CLINIC = """
twitchnet: 1
name: clinic
version: 1.0.0
title: A clinic
complaint: ache
contexts:
  sex: {label: Sex, states: [female, male], question: "Female or male?"}
  age: {label: Age, states: [18-34, 35-49, 50+], question: "How old?"}
  carrying: {label: Carrying, question: "Are you pregnant?"}
causes:
  strain: {label: Strain, question: "A strain?"}
findings:
  ache: {label: Ache, question: "Does it ache?"}
  stabbing: {label: Stabbing, question: "Does it stab?", ask_if: ache}
  numb:
    label: Numbness
    question: "Is it numb?"
    description: Less feeling than on the other side.
    always_ask: true
    urgency: soon
    red_flag: guidance
  bruise: {label: Bruise, question: "Is there a bruise?"}
screens:
  sudden: {label: Suddenly, question: "Did it come suddenly?", ask_if: bruise}
  both: {label: Both sides, question: "On both sides?", ask_if: bruise}
  pace: {label: Pace, states: [steady, hours_days], question: "How fast?"}
mechanisms:
  sex: {table: {p: {female: .5, male: .5}, fixed: true}}
  age: {table: {p: {18-34: .3, 35-49: .3, 50+: .4}, fixed: true}}
  carrying: {table: {by: [sex, age], p: {female: [.06, .02, 0], male: [0, 0, 0]}, fixed: true}}
  strain: {leak: .2}
  ache: {leak: .1, links: {strain: .7}}
  stabbing: {describes: ache, leak: .1, links: {strain: .5}}
  numb: {leak: .01}
  bruise: {leak: .0, links: {strain: .3}}
rules:
  N1: {when: numb & both, urgency: emergency, reason: Both sides numb.}
  N2: {when: numb, urgency: soon, reason: It is numb.}
  N0: {default: true, urgency: self_care, reason: It passes.}
"""


@pytest.fixture(scope="module")
def clinic() -> Network:
    return parse_network(CLINIC)


def asked(interview: Interview) -> str:
    question = interview.question
    return question.name if question else ""


def walk(interview: Interview, replies: Mapping[str, str]) -> list[str]:
    """The questions in order, each answered as ``replies`` says, or with not sure."""
    order = []
    while name := asked(interview):
        order.append(name)
        interview = interview.reply(replies.get(name, ""))
    return order


def test_the_order_is_complaint_safety_follow_ups_file(clinic: Network) -> None:
    # `both` is asked because a rule waits for it, before its own ask_if would
    order = walk(Interview(clinic), {"numb": "present", "ache": "present", "bruise": "present"})
    assert order == [
        "ache", "numb", "both", "sex", "age", "carrying", "stabbing", "bruise", "sudden", "pace",
    ]  # fmt: skip


def test_questions_that_nothing_opens_are_not_asked(clinic: Network) -> None:
    assert walk(Interview(clinic), {}) == [
        "ache", "numb", "sex", "age", "carrying", "bruise", "pace",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("replies", "is_asked"),
    [
        ({"sex": "male"}, False),
        ({"age": "50+"}, False),
        ({"sex": "female", "age": "18-34"}, True),
        ({"sex": "female"}, True),
    ],
)
def test_nobody_is_asked_what_the_answers_settle(
    clinic: Network, replies: dict[str, str], is_asked: bool
) -> None:
    assert ("carrying" in walk(Interview(clinic), replies)) is is_asked


def test_what_is_given_is_not_asked_and_stays(clinic: Network) -> None:
    interview = Interview(clinic, {"numb": "absent", "ache": "present"})
    assert asked(interview) == "sex"
    assert interview.reply("male").record == {"sex": "male", "ache": "present", "numb": "absent"}


def test_an_order_of_ones_own_never_comes_before_safety(clinic: Network) -> None:
    offered: list[tuple[str, ...]] = []

    def last(network: Network, answers: Mapping[str, str], questions: Sequence[str]) -> str:
        offered.append(tuple(questions))
        return questions[-1]

    order = walk(Interview(clinic, order=last), {"numb": "present"})
    assert order == ["ache", "numb", "both", "pace", "bruise", "carrying", "age", "sex"]
    assert offered[0] == ("sex", "age", "carrying", "bruise", "pace")


def test_back_is_before_the_last_reply(clinic: Network) -> None:
    start = Interview(clinic, {"ache": "absent"})
    assert start.back() == start
    there = start.reply("present")
    assert asked(there) == "both"
    assert there.back() == start
    assert asked(there.reply("").back()) == "both"


def test_a_reply_must_fit(clinic: Network) -> None:
    with pytest.raises(ValueError, match="'ache' has no state 'maybe'"):
        Interview(clinic).reply("maybe")
    with pytest.raises(ValueError, match="no question is left"):
        Interview(Network("empty", "1", ())).reply("")


@given(st.data())
def test_any_walk_ends_with_a_record_that_can_be_read(data: st.DataObject) -> None:
    network = tn.load("demo").network if data.draw(st.booleans()) else parse_network(CLINIC)
    interview, seen = Interview(network), []
    while (question := interview.question) is not None:
        assert question.name not in seen
        seen.append(question.name)
        after = interview.reply(data.draw(st.sampled_from(["", *question.states])))
        assert after.back() == interview
        interview = after
    assert set(interview.record) == set(seen)
    read = read_answers(network, interview.record).states(network)
    assert read == {n: s for n, s in interview.record.items() if s != "unknown"}


def test_the_shipped_interview_asks_every_red_flag_first() -> None:
    network = tn.load("twitchy_legs").network
    order = walk(Interview(network), {})
    always = [variable.name for variable in network.variables if variable.always_ask]
    assert len(always) == 7
    assert order[0] == network.complaint
    assert order[1 : 1 + len(always)] == always
    assert not set(order) & set(network.names("cause"))
    weak = walk(Interview(network), {"muscle_weakness": "present"})
    assert weak[8:11] == ["both_legs", "progression", "sudden_onset"]


YES_NO = Question("q", "Q", "Q?", "", ("absent", "present"), True)
AGE = Question("age", "Age", "How old?", "", ("18-34", "35-49", "50+"), False)
PACE = Question("pace", "Pace", "How fast?", "", ("steady", "hours_days", "stop"), False)


@pytest.mark.parametrize(
    ("question", "typed", "state"),
    [
        (YES_NO, "yes", "present"),
        (YES_NO, " Y ", "present"),
        (YES_NO, "1", "present"),
        (YES_NO, "pres", "present"),
        (YES_NO, "NO", "absent"),
        (YES_NO, "0", "absent"),
        (YES_NO, "nope", "absent"),
        (AGE, "1", "18-34"),
        (AGE, "3", "50+"),
        (AGE, "35-49", "35-49"),
        (AGE, "35", "35-49"),
        (AGE, "49", "35-49"),
        (AGE, "93", "50+"),
        (AGE, "50+", "50+"),
        (PACE, "hours_days", "hours_days"),
        (PACE, "hours  days", "hours_days"),
        (PACE, "h", ""),
        (PACE, "ho", "hours_days"),
        (PACE, "stop", "stop"),
    ],
)
def test_an_answer_is_read(question: Question, typed: str, state: str) -> None:
    reply = read_reply(question, typed)
    assert (reply.kind, reply.state) == (("answer", state) if state else ("help", ""))


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("", "not sure"),
        ("not sure", "not sure"),
        ("Don't know", "not sure"),
        ("unknown", "not sure"),
        ("back", "back"),
        ("Q", "stop"),
        ("stop", "stop"),
        ("show", "show"),
        ("?", "help"),
        ("maybe", "unclear"),
        ("2", "unclear"),
        ("17", "unclear"),
        ("\x1b[A", "unclear"),
    ],
)
def test_a_command_is_read(typed: str, kind: str) -> None:
    assert read_reply(YES_NO, typed).kind == kind


@pytest.mark.parametrize("typed", ["17", "0", "4.5", "99999999999999999999", "9" * 5000, "², "])
def test_a_number_that_fits_no_band_is_asked_again(typed: str) -> None:
    reply = read_reply(AGE, typed)
    assert reply.kind == "unclear"
    assert "one of 18-34, 35-49, 50+" in reply.message
    assert len(reply.message) < 120


@given(st.text(max_size=30))
def test_anything_can_be_typed(typed: str) -> None:
    for question in (YES_NO, AGE, PACE):
        reply = read_reply(question, typed)
        assert (reply.state in question.states) == (reply.kind == "answer")


def test_a_variable_without_a_question_is_asked_by_its_label() -> None:
    assert question_of(Variable("rain", "context", ("absent", "present"), "Rain")).text == "Rain?"


Talk = Callable[..., tuple[Interview, list[str]]]


@pytest.fixture
def talk(clinic: Network) -> Talk:
    """A talk with scripted replies; every page as text, and the interview at the end."""
    model = Model(clinic)

    def report(record: dict[str, str]) -> Report:
        return model.diagnose(record).report

    def run(*replies: str) -> tuple[Interview, list[str]]:
        waiting: Iterator[str] = iter(replies)
        pages: list[str] = []

        def read(prompt: str) -> str:
            try:
                return next(waiting)
            except StopIteration:
                raise EOFError from None

        interview = converse(Interview(clinic), read, lambda page: pages.append(text(page)), report)
        assert list(waiting) == []
        return interview, [*pages, text(closing_page(interview, report))]

    return run


def test_a_talk_ends_with_the_report(talk: Talk) -> None:
    interview, pages = talk("yes", "no", "f", "42", "", "back", "no", "yes", "no", "no")
    assert interview.record == {
        "sex": "female",
        "age": "35-49",
        "carrying": "absent",
        "ache": "present",
        "stabbing": "present",
        "numb": "absent",
        "bruise": "absent",
        "pace": "steady",
    }
    assert interview.question is None
    assert HELP.split(";")[0] in " ".join(pages[0].split())
    assert "1. Does it ache?" in pages[1]
    assert "(at most 9 more)" in pages[1]
    assert "3 50+" in next(page for page in pages if "How old?" in page)
    assert "What your answers point to" in pages[-1]
    assert "Yes: Ache, Stabbing." in pages[-1]


@pytest.mark.parametrize("word", ["stop", "q", None])
def test_stop_and_the_end_of_input_end_it(talk: Talk, word: str | None) -> None:
    interview, pages = talk("no", *([word] if word else []))
    assert interview.record == {"ache": "absent"}
    assert "What your answers point to" in pages[-1]


def test_an_emergency_is_said_at_once_and_once(talk: Talk) -> None:
    _, pages = talk("", "yes", "yes", "", "back", "yes", "stop")
    said = [place for place, page in enumerate(pages) if "Emergency: act now" in page]
    assert said == [4, len(pages) - 1]  # greeting, three questions, and the report
    assert "Both sides numb." in pages[4]
    _, pages = talk("", "yes", "yes", "back", "yes", "stop")  # taken back, and said again
    assert [page.count("Emergency: act now") for page in pages].count(1) == 3


def test_show_has_the_urgency_above_the_ranking(talk: Talk) -> None:
    interview, pages = talk("", "yes", "show", "stop")
    shown = pages[4]
    assert shown.index("Red flags: Numbness.") < shown.index("Strain")
    assert interview.record == {"ache": "unknown", "numb": "present"}
    assert pages[5] == pages[3]  # the question is asked again


def test_help_and_nonsense_change_nothing(talk: Talk) -> None:
    interview, pages = talk("what?", "", "help", "stop")
    assert interview.record == {"ache": "unknown"}
    assert "I did not understand 'what?': yes or no, please." in pages[2]
    assert "Less feeling than on the other side." in pages[4]


def test_back_at_the_first_question(talk: Talk) -> None:
    _, pages = talk("back", "stop")
    assert "This is the first question." in pages[2]


def test_answers_that_cannot_all_hold_still_end_with_the_urgency(clinic: Network) -> None:
    model = Model(clinic)
    record = {"sex": "male", "carrying": "present", "numb": "present"}
    page = closing_page(Interview(clinic, record), lambda answers: model.diagnose(answers).report)
    shown = text(page)
    assert shown.index("Red flags: Numbness.") < shown.index("No ranking")
    assert "TN205" in shown


def test_a_record_that_is_too_wide_still_ends_with_the_urgency(clinic: Network) -> None:
    def refuse(record: dict[str, str]) -> Report:
        raise CapacityError(1e12, 1e9)

    shown = text(closing_page(Interview(clinic, {"numb": "present"}), refuse))
    assert "It is numb." in shown
    assert "TN301" in shown


def test_the_command_line_of_a_record_says_the_same(clinic: Network) -> None:
    record = {"numb": "present", "ache": "absent", "pace": "hours_days", "sex": "unknown"}
    words = command_line(record)
    assert words == ["numb", "ache=absent", "pace=hours_days"]
    said = {name: state or True for name, _, state in (word.partition("=") for word in words)}
    assert read_answers(clinic, said) == read_answers(clinic, record)


def run(*words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "twitchnet", *words],
        input=typed, capture_output=True, text=True, encoding="utf-8", timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture
def terminal() -> Iterator[Callable[..., str]]:
    """Runs a command on a terminal of its own, types lines, and returns all that it showed."""
    pty = pytest.importorskip("pty")
    termios = pytest.importorskip("termios")
    opened: list[int] = []

    def show(*words: str, typed: Sequence[str]) -> str:
        ours, theirs = pty.openpty()
        opened.append(ours)
        settings = termios.tcgetattr(theirs)
        settings[3] &= ~termios.ECHO  # lflag: what is typed is not shown twice
        termios.tcsetattr(theirs, termios.TCSANOW, settings)
        environment = {k: v for k, v in os.environ.items() if k != "NO_COLOR"} | {"TERM": "xterm"}
        process = subprocess.Popen(
            [sys.executable, "-m", "twitchnet", *words],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, close_fds=True,
        )  # fmt: skip
        os.close(theirs)
        waiting, shown = list(typed), b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # Linux: the other end was closed
                break
            if not chunk:
                break
            shown += chunk
            if shown.endswith(b"> ") and waiting:
                os.write(ours, f"{waiting.pop(0)}\n".encode())
        assert process.wait(timeout=60) == 0, shown.decode()
        assert waiting == []
        return shown.decode().replace("\r\n", "\n")

    yield show
    for descriptor in opened:
        os.close(descriptor)


def test_a_person_at_a_terminal(terminal: Callable[..., str], tmp_path: Path) -> None:
    saved = tmp_path / "my answers.json"
    shown = terminal(
        "ask", "demo", "--all", "--save", str(saved),
        typed=["help", "yes", "maybe", "not sure", "back", "yes", "show", "3", "yes"],
    )  # fmt: skip
    assert "\x1b[" in shown
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "1. Do muscles of your legs twitch" in shown
    assert "I did not understand 'maybe'" in shown
    assert json.loads(saved.read_text("utf-8"))["answers"] == {
        "intense_exercise": "present",
        "caffeine_intake": "high",
        "leg_twitching": "present",
        "twitch_after_exercise": "present",
    }
    again = run("rank", "demo", "--from", str(saved))
    assert again.returncode == 0
    assert len(again.stdout) > 500
    report = shown[shown.rindex("Demo: twitching calves") :]
    # a terminal may be narrower than a file, so compare the words
    words, mark = (" ".join(part.replace("─", "").split()) for part in (again.stdout, "Again:"))
    assert " ".join(report.replace("─", "").split()).startswith(f"{words} {mark}")
    assert f"twitchnet rank demo --from '{saved}'" in shown


def test_questions_go_to_stderr_and_the_report_to_stdout() -> None:
    done = run("ask", "demo", typed="yes\nno\nstop\n")
    assert done.returncode == 0
    assert done.stdout.startswith("Demo: twitching calves")
    assert "yes / no" not in done.stdout
    assert "yes / no" in done.stderr
    again = done.stderr[done.stderr.index("Again: twitchnet ") :].split()[2:]
    assert again[:2] == ["rank", "demo"]
    assert run(*again).stdout == done.stdout


def test_an_interview_goes_on_from_a_record(tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text('{"leg_twitching": "no", "intense_exercise": "unknown"}', "utf-8")
    done = run("ask", "demo", "--from", str(record), typed="\n\n")
    assert done.returncode == 0
    assert "Do muscles of your legs twitch" not in done.stderr
    assert "1. Have you exercised unusually hard" in done.stderr
    assert "No: Twitching legs." in done.stdout


def test_a_likelihood_stays_in_the_record(tmp_path: Path) -> None:
    record, saved = tmp_path / "record.json", tmp_path / "saved.json"
    weights = {"absent": 0.2, "present": 0.7}
    record.write_text(json.dumps({"leg_twitching": weights}), "utf-8")
    done = run("ask", "demo", "--from", str(record), "--save", str(saved), typed="stop\n")
    assert done.returncode == 0
    assert json.loads(saved.read_text("utf-8"))["answers"]["leg_twitching"] == weights


def test_a_record_that_cannot_be_saved_is_refused_before_the_first_question() -> None:
    done = run("ask", "demo", "--save", "no/such/folder/record.json", typed="yes\n")
    assert done.returncode == 2
    assert "is not a folder" in done.stderr
    assert "Do muscles" not in done.stderr


def test_pages_of_a_talk_are_pages(clinic: Network) -> None:
    pages: list[Page] = []

    def read(prompt: str) -> str:
        raise EOFError

    converse(Interview(clinic), read, pages.append, lambda record: pytest.fail("not needed"))
    assert [len(page.sections) for page in pages] == [1, 2]


# -- what is given, and when it is enough ---------------------------------------------------------


def test_answers_on_the_line_are_not_asked_again(terminal: Callable[..., str]) -> None:
    shown = terminal("ask", "demo", "leg_twitching", "caffeine_intake=low", typed=["stop"])
    shown = re.sub(r"\x1b\[[0-9;]*m", "", shown)
    assert "Do muscles of your legs twitch" not in shown
    assert "Yes: Twitching legs." in shown
    assert "twitchnet rank demo caffeine_intake=low leg_twitching" in shown


def test_no_answers_a_choice_that_has_a_usual_state() -> None:
    states = ("none", "some", "much")
    loss = question_of(Variable("loss", "finding", states, "Loss"))
    assert read_reply(loss, "no").state == "none"
    steady = question_of(Variable("pace", "screen", ("steady", "faster", "much_faster"), "Pace"))
    assert read_reply(steady, "No").state == "steady"
    coffee = question_of(Variable("coffee", "context", ("low", "some", "high"), "Coffee"))
    assert read_reply(coffee, "nope").state == "low"
    sex = question_of(Variable("sex", "context", ("female", "male"), "Sex"))
    assert read_reply(sex, "no").kind == "unclear"
    age = question_of(Variable("age", "context", ("18-34", "35+"), "Age"))
    assert read_reply(age, "no").kind == "unclear"


def interviewed(
    model: Model, replies: Mapping[str, str], answers: Mapping[str, str], go_on: bool = False
) -> tuple[Interview, list[str]]:
    """An interview by the shipped order and stop; a question that ``replies`` lack is skipped."""
    adviser, pages = model.best_order(), []
    talk = Interview(model.network, answers, order=adviser)

    def read(prompt: str) -> str:
        if "That is enough" in pages[-1]:
            return "more" if go_on else ""
        asked_now = [v for v in model.network.variables if v.question and v.question in pages[-1]]
        return replies.get(asked_now[-1].name, "") if asked_now else ""

    def write(page: Page) -> None:
        pages.append(" ".join(text(page).split()))

    def report(record: dict[str, str]) -> Report:
        return model.diagnose(record).report

    done = converse(talk, read, write, report, lambda one: adviser.enough(one.answers, one.open))
    return done, pages


def test_an_interview_stops_with_a_reason_and_goes_on_when_asked() -> None:
    model = tn.load("demo")
    said = {"leg_twitching": "present", "intense_exercise": "present"}
    replies = {"caffeine_intake": "low", "twitch_after_exercise": "yes"}
    short, pages = interviewed(model, replies, said)
    assert "That is enough: no further answer, by itself," in pages[-1]
    adviser = model.best_order()
    look = adviser.look(short.answers, short.open)
    assert look is not None
    assert look.change < LIKELY
    leader, urgency = model.diagnose(short.record).leader, model.diagnose(short.record).urgency
    for row in look.rows:  # the reason is true: by hand, one diagnosis for each answer
        changing = sum(
            effect.probability
            for effect in row.effects
            if (then := model.diagnose({**short.record, row.name: effect.state})).leader != leader
            or then.urgency != urgency
        )
        assert look.standing.changed_by(row) == pytest.approx(changing, abs=1e-9)
    whole, _ = interviewed(model, replies, said, go_on=True)
    assert len(whole.record) > len(short.record)
    assert not whole.open


def test_red_flags_are_asked_before_it_is_enough() -> None:
    model = tn.load("twitchy_legs")
    talk = Interview(model.network, {"leg_twitching": "present"}, order=model.best_order())
    asked_first = []
    while not talk.is_screened:
        asked_first.append(asked(talk))
        talk = talk.reply(model.network.by_name[asked(talk)].states[0])
    always = [variable.name for variable in model.network.variables if variable.always_ask]
    assert asked_first == [*always, "twitch_frequency", "twitch_severity", "daily_impact"]
    weak = Interview(model.network, talk.answers | {"muscle_weakness": "present"})
    assert not weak.is_screened  # follow-ups wait
