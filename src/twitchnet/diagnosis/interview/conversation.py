"""How does an interview talk to a person?

:func:`converse` asks, reads and answers back until there is nothing left to ask or the
person stops.  It speaks through two functions that the caller passes in, so it runs on a
terminal, in a test and behind any other screen alike.  An answer that raises an
alarm is shown at once, without waiting for the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twitchnet.diagnosis.evidence import Answers
from twitchnet.diagnosis.interview.interview import Interview, Question, read_reply
from twitchnet.diagnosis.report.facts import Report
from twitchnet.diagnosis.report.report import spoken, urgent_by_rules
from twitchnet.diagnosis.report.wording import causes_section, page_of, urgency_section
from twitchnet.errors import CapacityError, RecordError
from twitchnet.show.page import Page, Paragraph, Section

Read = Callable[[str], str]
"""Shows a prompt and returns one line; raises ``EOFError`` when there are no more."""

Write = Callable[[Page], None]

Reported = Callable[[dict[str, str]], Report]
"""The report on a record; may raise ``RecordError`` or ``CapacityError``."""

HELP = (
    "Answer yes or no, or with the name or number of one of the choices; Enter alone skips a "
    "question that you are not sure of. Type back to correct the last answer, show for the "
    "ranking so far, help for what a question means, and stop to end with the report."
)

Enough = Callable[[Interview], str]
"""Why an interview is long enough, '' when it is not; asked once screening is done."""


def converse(
    interview: Interview, read: Read, write: Write, report: Reported, enough: Enough | None = None
) -> Interview:
    """Asks until nothing is left, it is enough or the person stops; the interview at the end.

    When it is ``enough`` the reason is shown, and ``more`` goes on until nothing is left.
    """
    network = interview.network
    disclaimer = network.words.disclaimer
    write(_note(network.title or network.name, HELP, *((disclaimer,) if disclaimer else ())))
    alarmed, ask = False, True
    while (question := interview.question) is not None:
        if not alarmed and (page := alarm(interview)) is not None:
            alarmed = True
            write(page)
        if ask and enough and interview.is_screened and (reason := enough(interview)):
            write(_note(f"That is enough: {reason}.", MORE))
            enough = None
            try:
                if read("> ").strip().lower() not in ("more", "m"):
                    break
            except EOFError:
                break
        if ask:
            write(_asked(question, len(interview.said) + 1, interview.left - 1))
        try:
            reply = read_reply(question, read("> "))
        except EOFError:
            break
        ask = reply.kind not in ("help", "unclear")
        if reply.kind == "stop":
            break
        if reply.kind in ("answer", "not sure"):
            interview = interview.reply(reply.state)
        elif reply.kind == "back":
            if not interview.said:
                write(_note("This is the first question."))
            interview = interview.back()
            alarmed = alarmed and alarm(interview) is not None
        elif reply.kind == "show":
            write(ranking_page(interview, report))
        elif reply.kind == "help":
            write(_note(question.explanation or question.label, HELP))
        else:
            write(_note(reply.message))
    return interview


MORE = "Enter ends with the report; type more to answer the other questions too."


def alarm(interview: Interview) -> Page | None:
    """The urgency section when the colour of the level so far is ``alarm``."""
    section = _urgency(interview)
    if section is None or section.tone != "alarm":
        return None
    blocks = (*section.blocks, Paragraph("You can type stop now and get the report."))
    return Page("", (Section(section.heading, blocks, section.tone),))


def _urgency(interview: Interview) -> Section | None:
    """How urgent the answers so far are, by the rules alone."""
    network, answers = interview.network, interview.answers
    index = {
        v.name: v.states.index(answers[v.name]) for v in network.variables if v.name in answers
    }
    urgent = urgent_by_rules(network, Answers(index))
    return urgency_section(urgent) if urgent else None


def ranking_page(interview: Interview, report: Reported) -> Page:
    """The urgency and the ranking so far, or why there is none."""
    urgency = _urgency(interview)
    try:
        ranking = causes_section(report(interview.record))
    except (RecordError, CapacityError) as error:
        ranking = _no_ranking(error)
    return Page("", (*((urgency,) if urgency else ()), ranking))


def closing_page(interview: Interview, report: Reported) -> Page:
    """The page that ends an interview: the report.

    When the answers cannot all hold, or are too many to compute exactly, the urgency is
    shown all the same, with the reason why there is no ranking.
    """
    try:
        return page_of(report(interview.record))
    except (RecordError, CapacityError) as error:
        network, urgency = interview.network, _urgency(interview)
        sections = (*((urgency,) if urgency else ()), _no_ranking(error))
        return Page(network.title or network.name, sections, footer=network.words.disclaimer)


def command_line(record: Mapping[str, str]) -> list[str]:
    """A record as the words of ``twitchnet rank``; what is not known is left out.

    >>> command_line({"numbness": "present", "sex": "female", "fever": "unknown"})
    ['numbness', 'sex=female']
    """
    known = {name: state for name, state in record.items() if state != "unknown"}
    return [name if state == "present" else f"{name}={state}" for name, state in known.items()]


def _no_ranking(error: Exception) -> Section:
    lines = tuple(Paragraph(line) for line in str(error).splitlines())
    return Section("No ranking", (*lines, Paragraph("Type back to correct the last answers.")))


def _note(*texts: str) -> Page:
    return Page("", (Section("", tuple(Paragraph(text) for text in texts)),))


def _asked(question: Question, number: int, more: int) -> Page:
    """A question with its choices, and how many may follow at most."""
    left = f"   (at most {more} more)" if more else ""
    if question.is_binary:
        choices = [Paragraph(f"yes / no / Enter if not sure{left}")]
    else:
        choices = [Paragraph(spoken(s), f"{n}") for n, s in enumerate(question.states, 1)]
        choices.append(Paragraph(f"a number / a name / Enter if not sure{left}"))
    return Page(
        "", (Section("", ()), Section("", (Paragraph(question.text, f"{number}."), *choices)))
    )
