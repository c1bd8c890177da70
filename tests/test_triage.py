"""Triage of the twitchy-legs model: every rule, both nets, and what can lower nothing."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import twitchnet as tn
from tests.minimal_sets import minimal_sets
from twitchnet.bundled import find_model
from twitchnet.diagnosis.care.triage import Triage, red_flags, triage, watch_answers, watched
from twitchnet.diagnosis.evidence import Answers, read_answers
from twitchnet.diagnosis.inference import Inference
from twitchnet.io.model_file.reader import read_network
from twitchnet.model.care import Rule, Watch
from twitchnet.model.language.rules import Answer, names_read, parse
from twitchnet.model.network import Network, Variable

NETWORK = read_network(find_model("twitchy_legs"))
RULES = {rule.name: rule for rule in NETWORK.rules}
BASELINES = {variable.name: variable.states[0] for variable in NETWORK.variables}


def level(urgency: str) -> int:
    return ["self_care", "routine", "soon", "emergency"].index(urgency)


def names(result: Triage) -> set[str]:
    return {one.name for one in result.fired}


def record_of(answers: tuple[Answer, ...]) -> dict[str, str]:
    """The answers as a record; a name alone is its first state but the baseline."""
    return {
        answer.name: answer.state or NETWORK.by_name[answer.name].states[1] for answer in answers
    }


SMALLEST = [
    pytest.param(rule, one, id=f"{rule.name}:{'+'.join(map(str, one))}")
    for rule in NETWORK.rules
    if rule.when
    for one in minimal_sets(parse(rule.when), BASELINES)
]


# -- every rule -----------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "answers"), SMALLEST)
def test_fires_on_the_smallest_record_and_not_one_answer_short(
    rule: Rule, answers: tuple[Answer, ...]
) -> None:
    record = record_of(answers)
    result = triage(NETWORK, record)
    assert rule.name in names(result)
    assert level(result.urgency) >= level(rule.urgency)
    because = next(one.because for one in result.fired if one.name == rule.name)
    assert set(because) == set(record)
    for name in record:
        short = {other: state for other, state in record.items() if other != name}
        assert rule.name not in names(triage(NETWORK, short)), f"fires without {name}"
        refused = {**short, name: BASELINES[name]}
        assert rule.name not in names(triage(NETWORK, refused)), f"fires with {name} absent"


def test_there_is_a_smallest_record_for_every_rule() -> None:
    reached = {param.values[0].name for param in SMALLEST}
    assert reached == {rule.name for rule in NETWORK.rules if not rule.default}
    assert [rule.name for rule in NETWORK.rules if rule.default] == ["R22"]


EXPECTED_LEVELS = {
    "emergency": "R01 R02 R03a R03 R04 R05 R06 R07a R17 R25 R18b R14b R16b",
    "soon": "R08 R07 R09 R10 R11 R04b R12a R13a R14 R15 R15b R16 R21 R21b R02b R24 R18c R26 R28 "
    "B_muscle_wasting B_perioral_tingling",
    "routine": "R12 R13 R18 R19 R20 R23 R29 R30 R27 R31 B_radiating_leg_pain B_burning_feet "
    "B_resting_tremor B_slowness B_twitch_during_sleep B_urge_to_move",
    "self_care": "R22",
}


@pytest.mark.parametrize("urgency", EXPECTED_LEVELS)
def test_the_rules_of_the_tables_are_all_there(urgency: str) -> None:
    for name in EXPECTED_LEVELS[urgency].split():
        assert RULES[name].urgency == urgency, name
    assert {"R02b", "R12", "R13"} == {rule.name for rule in NETWORK.rules if rule.alone}


def test_every_rule_and_watch_gives_a_reason_with_a_source() -> None:
    known = {source.key for source in NETWORK.sources}
    for part in (*NETWORK.rules, *NETWORK.watches):
        assert part.reason.endswith("."), part
        assert part.sources, part
        assert set(part.sources) <= known, part


def test_every_screen_question_is_read_by_something() -> None:
    read = {name for rule in NETWORK.rules if rule.when for name in names_read(parse(rule.when))}
    for option in NETWORK.options:
        for text in (option.only_if, option.fine_if, option.caution_if):
            read |= set(names_read(parse(text))) if text else set()
    assert set(NETWORK.names("screen")) <= read


# -- records written by hand ----------------------------------------------------------

# What a person says, the urgency, rules among those that fire, and rules that stay silent.
CASES = [
    ("leg_twitching", "self_care", "R22", "R20"),
    ("leg_twitching twitch_at_rest twitch_elsewhere", "self_care", "R22", "R19"),
    ("leg_twitching muscle_cramp muscle_soreness worse_at_night", "self_care", "R22", "R27"),
    ("leg_twitching tingling", "self_care", "R22", "R12 R29"),
    ("leg_twitching twitch_constant_weeks", "routine", "R19", "R22 R08"),
    ("leg_twitching twitch_frequency=frequent", "routine", "R20", "R22"),
    ("leg_twitching twitch_frequency=occasional", "self_care", "R22", "R20"),
    ("leg_twitching twitch_severity=severe", "routine", "R20", "R22"),
    ("leg_twitching twitch_jerking poor_sleep", "routine", "R20", "R22"),
    ("leg_twitching muscle_weakness", "soon", "R11", "R04b R08 R03"),
    ("leg_twitching muscle_weakness progression=weeks", "soon", "R11", "R03"),
    ("leg_twitching muscle_weakness progression=hours_days", "emergency", "R03 R11", "R22"),
    ("leg_twitching muscle_weakness muscle_wasting", "soon", "R08 R11 B_muscle_wasting", "R22"),
    ("leg_twitching muscle_weakness twitch_constant_weeks progression=weeks", "soon", "R08", ""),
    ("saddle_numbness", "emergency", "R01", "R02"),
    ("bladder_bowel_change", "soon", "R02b", "R02"),
    ("bladder_bowel_change back_pain", "emergency", "R02", "R02b"),
    ("numbness", "routine", "R12", "R12a"),
    ("numbness gait_change", "soon", "R12a R10", "R12"),
    ("numbness back_pain", "routine", "R12", "R12a"),
    ("numbness back_pain pain_with_cough", "soon", "R12a", "R12"),
    ("persistent_pain", "routine", "R13", "R13a"),
    ("persistent_pain fever", "soon", "R13a", "R13"),
    ("persistent_pain bladder_bowel_change", "soon", "R02b", "R13"),
    ("radiating_leg_pain both_legs numbness", "emergency", "R03a", "R12"),
    ("radiating_leg_pain both_legs", "routine", "B_radiating_leg_pain", "R03a"),
    ("age_band=50-64 fluid_loss thirst rapid_heartbeat", "self_care", "R22", "R06"),
    ("age_band=65+ fluid_loss thirst rapid_heartbeat", "emergency", "R06", ""),
    ("age_band=65+ thirst dizziness rapid_heartbeat", "emergency", "R06", ""),
    ("age_band=65+ fluid_loss hot_conditions thirst", "self_care", "R22", "R06"),
    ("intense_exercise dark_urine dizziness rapid_heartbeat", "emergency", "R06", ""),
    ("age_band=65+ weight_loss rapid_heartbeat", "soon", "R14 R15", ""),
    ("age_band=35-49 weight_loss rapid_heartbeat", "soon", "R15", "R14"),
    ("sudden_onset vision_disturbance", "emergency", "R07a R21", ""),
    ("muscle_weakness diuretic_use", "soon", "R04b", "R04"),
    ("muscle_weakness diuretic_use rapid_heartbeat", "emergency", "R04", ""),
    ("muscle_weakness beta_agonist_use rapid_heartbeat", "soon", "R04b", "R04"),
    ("brown_urine muscle_soreness statin_use", "emergency", "R17", ""),
    ("daytime_sleepiness", "self_care", "R22", "R26"),
    ("daytime_sleepiness asleep_at_wheel", "soon", "R26", ""),
    ("muscle_cramp calf_swelling_one_side", "soon", "R28", ""),
    ("leg_twitching onset_after_new_medication new_medication", "routine", "R18", "R18c"),
    ("restlessness dopamine_blocker_use new_medication", "soon", "R18c", ""),
    ("restlessness antidepressant_use new_medication", "soon", "J_antidepressant_restlessness", ""),
    ("restlessness antidepressant_use", "self_care", "R22", "J_antidepressant_restlessness"),
    ("thirst", "self_care", "R22", "J_thirst_urination"),
    ("thirst frequent_urination", "routine", "J_thirst_urination", "R15b"),
    ("thirst frequent_urination fatigue known_diabetes", "soon", "R15b", ""),
    ("heat_intolerance", "self_care", "R22", "J_thyroid_heat_cold"),
    ("heat_intolerance known_thyroid_disease", "routine", "J_thyroid_heat_cold", ""),
    ("cold_intolerance known_thyroid_disease", "routine", "J_thyroid_heat_cold", "R31"),
    ("urge_to_move worse_at_night relief_by_moving poor_sleep", "routine", "R30", ""),
    ("urge_to_move worse_at_night relief_by_moving", "self_care", "R22", "R30"),
    ("pregnancy muscle_cramp", "routine", "R27", ""),
    ("resting_tremor slowness", "routine", "R23", ""),
    ("known_diabetes burning_feet", "routine", "R29", ""),
    ("chest_pain", "soon", "J_chest_pain", "R25"),
    ("chest_pain rapid_heartbeat", "emergency", "R25", ""),
]


def record(text: str) -> dict[str, str]:
    pairs = (word.partition("=") for word in text.split())
    return {name: state or "present" for name, _, state in pairs}


@pytest.mark.parametrize(("said", "urgency", "fires", "silent"), CASES, ids=[c[0] for c in CASES])
def test_cases(said: str, urgency: str, fires: str, silent: str) -> None:
    result = triage(NETWORK, record(said))
    assert result.urgency == urgency
    assert set(fires.split()) <= names(result)
    assert not set(silent.split()) & names(result)
    assert [level(one.urgency) for one in result.fired] == sorted(
        (level(one.urgency) for one in result.fired), reverse=True
    )
    assert all(one.urgency == urgency for one in result.deciding)


NEVER_ALONE = (
    "twitch_fluttering twitch_at_rest twitch_falling_asleep twitch_elsewhere muscle_cramp "
    "muscle_soreness worse_at_night relief_by_moving creeping_itching"
)


@pytest.mark.parametrize("name", NEVER_ALONE.split())
def test_no_red_flag_by_itself(name: str) -> None:
    result = triage(NETWORK, {"leg_twitching": "present", name: "present"})
    assert result.urgency == "self_care"
    assert result.red_flags == ()


# -- red flags ------------------------------------------------------------------------


def test_the_red_flags() -> None:
    everything = {variable.name: variable.states[-1] for variable in NETWORK.variables}
    assert set(red_flags(NETWORK, everything)) == {
        *["muscle_weakness", "numbness", "persistent_pain", "gait_change"],  # the article's four
        *["saddle_numbness", "bladder_bowel_change"],
        *["foot_drop", "muscle_wasting", "tongue_twitching_or_slurred_speech"],
        *["swallowing_difficulty", "falls_balance", "vision_disturbance"],
        *["weight_loss", "perioral_tingling"],
    }
    assert red_flags(NETWORK, BASELINES) == ()


def test_a_red_flag_never_comes_with_self_care() -> None:
    for name in red_flags(NETWORK, {v.name: v.states[-1] for v in NETWORK.variables}):
        result = triage(NETWORK, {name: "present"})
        assert result.red_flags == (name,)
        assert result.urgency != "self_care"


def test_red_flags_of_a_small_network() -> None:
    def finding(name: str, **more: object) -> Variable:
        return Variable(name, "finding", ("absent", "present"), name, **more)  # type: ignore[arg-type]

    network = Network(
        "small",
        "1",
        (
            finding("named", red_flag="guidance", urgency="soon"),
            finding("asked", red_flag="article", urgency="routine", always_ask=True),
            finding("mild", red_flag="article", urgency="routine"),
            finding("unnamed", urgency="emergency", always_ask=True),
        ),
    )
    answers = dict.fromkeys(("named", "asked", "mild", "unnamed"), "present")
    assert red_flags(network, answers) == ("named", "asked")
    assert triage(network, answers) == Triage("", (), ("named", "asked"))


# -- rules that wait for a question ---------------------------------------------------


@pytest.mark.parametrize(
    ("said", "rule", "ask"),
    [
        ("daytime_sleepiness", "R26", ("asleep_at_wheel",)),
        ("muscle_cramp", "R28", ("calf_swelling_one_side",)),
        ("muscle_weakness", "R03", ("progression",)),
        ("gait_change", "R07a", ("sudden_onset",)),
        ("rapid_heartbeat", "R25", ("fainting", "chest_pain")),
        ("radiating_leg_pain numbness", "R03a", ("both_legs",)),
    ],
)
def test_a_rule_waits_for_its_question(said: str, rule: str, ask: tuple[str, ...]) -> None:
    result = triage(NETWORK, record(said))
    waiting = {one.name: one for one in result.waiting}
    assert waiting[rule].ask == ask
    assert waiting[rule].reason == RULES[rule].reason
    assert rule not in names(result)
    assert level(waiting[rule].urgency) > level(result.urgency)
    denied = {**record(said), **{name: BASELINES[name] for name in ask}}
    assert rule not in {one.name for one in triage(NETWORK, denied).waiting}


def test_nothing_waits_on_no_answers_or_below_the_urgency() -> None:
    assert triage(NETWORK, {}).waiting == ()
    result = triage(NETWORK, record("saddle_numbness daytime_sleepiness muscle_cramp"))
    assert result.waiting == ()


# -- the second net -------------------------------------------------------------------

THRESHOLDS = {
    "cauda_equina_syndrome": (0.005, "emergency"),
    "motor_neurone_disease": (0.01, "soon"),
    "multiple_sclerosis": (0.10, "routine"),
    "parkinsons_disease": (0.10, "routine"),
    "hyperthyroidism": (0.30, "soon"),
    "potassium_deficiency": (0.30, "soon"),
    "calcium_deficiency": (0.30, "soon"),
    "magnesium_deficiency": (0.20, "routine"),
}
CARE = {
    "iron_deficiency": 0.40,
    "hypothyroidism": 0.20,
    "herniated_disc": 0.50,
    "sciatica": 0.50,
    "peripheral_neuropathy": 0.30,
    "diabetic_neuropathy": 0.30,
    "restless_legs_syndrome": 0.50,
    "medication_side_effect": 0.50,
    "periodic_limb_movement_disorder": 0.50,
}
ALL_WATCHED = THRESHOLDS | {cause: (above, "routine") for cause, above in CARE.items()}


def test_the_watches() -> None:
    assert {w.target: (w.threshold, w.urgency) for w in NETWORK.watches} == ALL_WATCHED
    assert {w.target for w in NETWORK.watches if w.likely} == set(CARE)


def test_a_likely_cause_that_should_be_seen_says_so() -> None:
    said = {"leg_twitching": True, "urge_to_move": True, "worse_at_night": True}
    dx = tn.load("twitchy_legs").diagnose(said, relief_by_moving=True)
    assert dx.posterior["restless_legs_syndrome"] > 0.5
    assert dx.triage.urgency == "routine"
    words = "A likely cause that should be seen: Restless legs syndrome. Everybody in whom"
    assert dx.triage.deciding[0].reason.startswith(words)
    assert words in " ".join(str(dx).split())
    absent = tn.load("twitchy_legs").diagnose(said, relief_by_moving=True, creeping_itching=False)
    assert absent.triage.urgency == "routine"


@pytest.mark.parametrize(
    ("said", "urgency", "rule"),
    [
        ("rapid_heartbeat shallow_breathing", "routine", "R32"),
        ("numbness burning_feet both_legs", "soon", "R12b"),
        ("radiating_leg_pain persistent_pain tingling", "soon", "R13a"),
        ("fluid_loss dizziness dark_urine", "soon", "R06b"),
        ("known_thyroid_disease spasm muscle_cramp", "soon", "R16d"),
        ("known_thyroid_disease spasm perioral_tingling", "emergency", "R16c"),
    ],
)
def test_combinations_that_guidance_wants_seen(said: str, urgency: str, rule: str) -> None:
    result = triage(NETWORK, record(said))
    assert result.urgency == urgency
    assert rule in names(result)


@pytest.mark.parametrize("target", ALL_WATCHED)
def test_a_watch_fires_above_its_threshold_only(target: str) -> None:
    threshold, urgency = ALL_WATCHED[target]
    at = triage(NETWORK, {"leg_twitching": "present"}, {target: threshold})
    assert names(at) == {"R22"}
    above = triage(NETWORK, {"leg_twitching": "present"}, {target: threshold * 1.001})
    assert names(above) == {target}
    assert above.urgency == urgency
    assert above.fired[0].because == (target,)


def test_a_watch_never_lowers() -> None:
    result = triage(NETWORK, record("muscle_weakness"), {"multiple_sclerosis": 0.9})
    assert result.urgency == "soon"
    assert {"R11", "multiple_sclerosis"} <= names(result)


def test_a_known_cause_is_not_watched() -> None:
    answers = {"leg_twitching": "present", "multiple_sclerosis": "present"}
    assert triage(NETWORK, answers, {"multiple_sclerosis": 1.0}).urgency == "self_care"


def test_watched_reads_one_state_or_all_but_the_baseline() -> None:
    network = Network(
        "graded",
        "1",
        (Variable("wear", "cause", ("none", "some", "much"), "Wear"),),
        watches=(Watch("wear", 0.5, "soon", "r"), Watch("wear=much", 0.5, "soon", "r")),
    )
    found = watched(network, {"wear": np.array([0.2, 0.5, 0.3])})
    assert found == pytest.approx({"wear": 0.8, "wear=much": 0.3})
    assert {one.name for one in triage(network, {}, found).fired} == {"wear"}


def test_watches_see_contexts_and_present_findings_only() -> None:
    answers = read_answers(
        NETWORK,
        {
            "age_band": "65+",
            "sex": "female",
            "known_diabetes": False,
            "leg_twitching": True,
            "muscle_weakness": False,
            "brown_urine": False,
            "herniated_disc": False,
        },
    )
    seen = watch_answers(NETWORK, Answers(answers.hard, {"tingling": (0.2, 0.7)}))
    assert set(seen.hard) == {
        *["age_band", "sex", "known_diabetes", "leg_twitching", "brown_urine", "herniated_disc"]
    }
    assert seen.soft == {}


# -- an absent finding lowers nothing -------------------------------------------------

FINDINGS = NETWORK.names("finding")
any_record = st.dictionaries(
    st.sampled_from([variable.name for variable in NETWORK.variables]),
    st.integers(0, 3),
    max_size=14,
).map(lambda drawn: {name: index % NETWORK.by_name[name].card for name, index in drawn.items()})


@cache
def inference() -> Inference:
    return Inference(NETWORK)


@given(any_record, st.sampled_from(FINDINGS))
def test_an_absent_finding_lowers_nothing(drawn: dict[str, int], finding: str) -> None:
    before = Answers({name: s for name, s in drawn.items() if name != finding})
    after = before.with_answers({finding: 0})
    assert watch_answers(NETWORK, after) == watch_answers(NETWORK, before)
    posteriors = dict.fromkeys(THRESHOLDS, 0.2)
    was = triage(NETWORK, before.states(NETWORK), posteriors)
    now = triage(NETWORK, after.states(NETWORK), posteriors)
    assert now.urgency == was.urgency
    assert now.fired == was.fired


@given(any_record, st.sampled_from([variable.name for variable in NETWORK.variables]), st.data())
def test_another_answer_never_lowers_what_the_rules_say(
    drawn: dict[str, int], name: str, data: st.DataObject
) -> None:
    before = Answers({other: state for other, state in drawn.items() if other != name})
    state = data.draw(st.integers(0, NETWORK.by_name[name].card - 1))
    after = before.with_answers({name: state})
    was = triage(NETWORK, before.states(NETWORK)).urgency
    assert level(triage(NETWORK, after.states(NETWORK)).urgency) >= level(was)


@pytest.mark.parametrize(
    ("said", "raised_by"),
    [
        ("leg_twitching twitch_constant_weeks twitch_elsewhere", set()),
        ("back_pain radiating_leg_pain saddle_numbness", {"cauda_equina_syndrome"}),
        (
            "perioral_tingling tingling spasm muscle_cramp",
            {"calcium_deficiency", "magnesium_deficiency"},
        ),
    ],
)
def test_absent_findings_leave_the_second_net_as_it_is(said: str, raised_by: set[str]) -> None:
    """The whole way through inference: the posteriors that the watches read do not move."""

    def look(answers: dict[str, object]) -> Triage:
        read = read_answers(NETWORK, answers)
        beliefs = inference().beliefs(watch_answers(NETWORK, read))
        return triage(NETWORK, read.states(NETWORK), watched(NETWORK, beliefs.probability))

    contexts: dict[str, object] = {"age_band": "50-64", "sex": "female"}
    was = look({**contexts, **record(said)})
    assert {one.name for one in was.fired} & set(THRESHOLDS) == raised_by
    absent = ("bladder_bowel_change", "muscle_weakness", "numbness", "gait_change", "fatigue")
    now = look({**contexts, **record(said), **dict.fromkeys(absent, False)})
    assert now.fired == was.fired


def test_a_watch_that_is_too_wide_leaves_the_rules_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dx = tn.load("twitchy_legs").diagnose(leg_twitching=True, numbness=True, gait_change=False)
    assert not tn.load("twitchy_legs").diagnose(leg_twitching=True).triage.unwatched
    rows = dx.ranking  # computed before the passes become too wide

    def too_wide(self: Inference, answers: Answers) -> None:
        raise tn.CapacityError(1e12, 1e9)

    monkeypatch.setattr(Inference, "beliefs", too_wide)
    by_rules = triage(NETWORK, {"leg_twitching": "present", "numbness": "present"})
    assert dx.triage == replace(by_rules, unwatched=True)
    assert rows == dx.ranking
    page = " ".join(str(dx).split())
    assert "Second net: these answers are too many to work out" in page
    assert "the rules alone decide" in page
    assert "the rules alone decide" in dx._repr_html_()
