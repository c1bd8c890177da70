"""Management: which options are offered, in what order, with which cautions."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

import twitchnet as tn
from twitchnet.diagnosis.care.management import Management, Recommendation, manage
from twitchnet.diagnosis.care.triage import Fired, Triage
from twitchnet.model.care import Effect, Option
from twitchnet.model.local import Leak, Link, NoisyOr, Table
from twitchnet.model.network import Network, Variable
from twitchnet.model.words import GENERIC

MODEL = tn.load("twitchy_legs")
NETWORK = MODEL.network
OPTIONS = {option.name: option for option in NETWORK.options}

CALM = Triage("self_care", ())
YES_NO = ("absent", "present")


# -- a small network: one context with three states, one plain, two causes -------------


def binary(name: str, kind: str, local: NoisyOr | Table | None) -> Variable:
    return Variable(name, kind, YES_NO, name.title(), local)  # type: ignore[arg-type]


def small(*options: Option) -> Network:
    coffee = Variable(
        "coffee", "context", ("none", "some", "much"), "Coffee", Table((), [0.5, 0.3, 0.2])
    )
    pills = binary("pills", "context", Table((), [0.9, 0.1]))
    old = binary("old", "context", Table((), [0.8, 0.2]))
    jitter = NoisyOr(
        Leak((), 0.1),
        (
            Link("coffee", (), [0.0, 0.2, 0.5]),
            Link("pills", ("old",), [[0.0, 0.3], [0.0, 0.6]]),
        ),
    )
    causes = (
        binary("jitter", "cause", jitter),
        binary("cramp", "cause", NoisyOr(Leak((), 0.2), ())),
    )
    names = ("kidney", "asked")
    screens = tuple(binary(name, "screen", None) for name in names)
    return Network(
        "small", "1", (coffee, pills, old, *causes, *screens), options=options, levels=GENERIC
    )


def run(
    options: Option | tuple[Option, ...],
    answers: dict[str, str] | None = None,
    triaged: Triage = CALM,
    *,
    leading: int = 8,
    smallest: float = 0.0,
) -> Management:
    options = options if isinstance(options, tuple) else (options,)
    return manage(
        small(*options),
        answers or {},
        {"jitter": 0.6, "cramp": 0.5},
        {"jitter": 0.4, "cramp": 0.1},
        triaged,
        leading=leading,
        smallest=smallest,
    )


def only(result: Management) -> Recommendation:
    (one,) = result.options
    return one


def cause(name: str, factor: float, **more: str) -> Effect:
    return Effect("cause", name, factor, factor / 2, min(1.0, factor * 2), **more)  # type: ignore[arg-type]


def test_benefit_is_produced_times_what_is_taken_away() -> None:
    one = only(run(Option("o", "O", (cause("jitter", 0.25), cause("cramp", 0.5)))))
    assert one.benefit == pytest.approx(0.4 * 0.75 + 0.1 * 0.5)
    assert [action.cause for action in one.actions] == ["jitter", "cramp"]
    assert one.actions[0].remaining == 0.25
    assert (one.actions[0].low, one.actions[0].high) == (0.125, 0.5)


def test_without_a_complaint_the_posterior_counts() -> None:
    network = small(Option("o", "O", (cause("cramp", 0.5),)))
    result = manage(network, {}, {"jitter": 0.6, "cramp": 0.5}, {}, CALM)
    assert only(result).benefit == pytest.approx(0.25)


def test_the_strongest_effect_on_a_cause_counts_once() -> None:
    one = only(run(Option("o", "O", (cause("jitter", 0.5), cause("jitter", 0.25)))))
    assert one.benefit == pytest.approx(0.4 * 0.75)
    assert len(one.actions) == 1


def test_an_effect_may_depend_on_another_cause() -> None:
    one = only(run(Option("o", "O", (cause("jitter", 0.25, given="cramp"),))))
    assert one.benefit == pytest.approx(0.4 * 0.5 * 0.75)
    assert one.actions[0].given == "cramp"


def test_an_effect_with_a_condition_counts_when_it_holds() -> None:
    option = Option("o", "O", (cause("jitter", 0.25, only_if="pills"), cause("cramp", 0.5)))
    assert only(run(option)).benefit == pytest.approx(0.05)
    assert only(run(option, {"pills": "absent"})).benefit == pytest.approx(0.05)
    assert only(run(option, {"pills": "present"})).benefit == pytest.approx(0.35)


LESS_COFFEE = Option("less", "Less coffee", (Effect("context", "coffee", state="none"),))


@pytest.mark.parametrize(("state", "part"), [("some", 0.2), ("much", 0.5)])
def test_a_context_takes_its_link_away(state: str, part: float) -> None:
    one = only(run(LESS_COFFEE, {"coffee": state}))
    assert one.benefit == pytest.approx(0.4 * part)
    assert one.actions[0].via == "coffee"
    assert one.actions[0].remaining == pytest.approx(1 - part)
    assert one.changes == ("coffee",)


def test_a_context_that_is_fine_or_unknown_counts_with_nothing() -> None:
    for answers in ({}, {"coffee": "none"}):
        one = only(run(LESS_COFFEE, answers))
        assert one.benefit == 0.0
        assert one.actions == ()
        assert one.changes == ()
        assert run(LESS_COFFEE, answers, smallest=0.001).options == ()


def test_a_context_may_be_set_to_a_state_between() -> None:
    option = Option("o", "O", (Effect("context", "coffee", state="some"),))
    assert only(run(option, {"coffee": "much"})).benefit == pytest.approx(0.4 * 0.3)


SWITCH = Option("switch", "Switch", (Effect("link", "pills", 0.4, 0.2, 0.7, child="jitter"),))


@pytest.mark.parametrize(
    ("answers", "strength"),
    [
        ({"pills": "present", "old": "absent"}, 0.3),
        ({"pills": "present", "old": "present"}, 0.6),
        ({"pills": "present"}, 0.3),  # an unknown modifier: the weakest
    ],
)
def test_a_link_keeps_a_share(answers: dict[str, str], strength: float) -> None:
    one = only(run(SWITCH, answers))
    assert one.benefit == pytest.approx(0.4 * strength * 0.6)
    assert one.actions[0].low == pytest.approx(1 - strength * 0.8)
    assert one.actions[0].high == pytest.approx(1 - strength * 0.3)


def test_a_link_whose_parent_is_not_reported_counts_with_nothing() -> None:
    for answers in ({}, {"pills": "absent"}):
        assert only(run(SWITCH, answers)).benefit == 0.0


def test_only_if_and_fine_if() -> None:
    option = Option("o", "O", (cause("jitter", 0.5),), only_if="pills", fine_if="coffee=none")
    assert run(option).options == ()
    assert run(option, {"pills": "absent"}).options == ()
    assert only(run(option, {"pills": "present"})).option == "o"
    assert only(run(option, {"pills": "present", "coffee": "some"})).option == "o"
    assert run(option, {"pills": "present", "coffee": "none"}).options == ()


def test_a_caution_is_shown_unless_it_is_ruled_out() -> None:
    option = Option(
        "o", "O", (cause("jitter", 0.5),), caution_if="kidney & asked", caution="Ask first."
    )
    for answers, shown, applies in [
        ({}, "Ask first.", False),
        ({"kidney": "present"}, "Ask first.", False),
        ({"kidney": "present", "asked": "present"}, "Ask first.", True),
        ({"kidney": "absent"}, "", False),
    ]:
        one = only(run(option, answers))
        assert (one.caution, one.caution_applies) == (shown, applies)
    always = replace(option, caution_if="")
    assert only(run(always)).caution == "Ask first."


def test_order_and_how_many_causes_count() -> None:
    options = (
        Option("first", "1", (cause("cramp", 0.5),)),
        Option("second", "2", (cause("jitter", 0.5),)),
        Option("tie", "3", (cause("cramp", 0.5),)),
    )
    result = run(options)
    assert [one.option for one in result.options] == ["second", "first", "tie"]
    result = run(options, leading=1, smallest=0.001)
    assert [one.option for one in result.options] == ["second"]


SEE = Option("see", "Be seen", (), expert=True)


def test_red_flags_come_first() -> None:
    fired = (
        Fired("R1", "soon", "Because of weakness.", ("weakness",)),
        Fired("R2", "routine", "Because of pain.", ("pain",)),
    )
    options = (Option("o", "O", (cause("jitter", 0.5),)), SEE)
    result = run(options, triaged=Triage("soon", fired))
    assert result.first == ("Because of weakness.",)
    assert [one.option for one in result.visit] == ["see"]
    assert [one.option for one in result.options] == ["o"]
    calm = run(options, triaged=Triage("self_care", (Fired("R", "self_care", "Harmless.", ()),)))
    assert (calm.first, calm.visit) == ((), ())


def test_in_an_emergency_nothing_else_is_offered() -> None:
    fired = (Fired("R1", "emergency", "Go now.", ("x",)),)
    result = run(
        (Option("o", "O", (cause("jitter", 0.5),)), SEE), triaged=Triage("emergency", fired)
    )
    assert result.first == ("Go now.",)
    assert [one.option for one in result.visit] == ["see"]
    assert result.options == ()


# -- the options of the twitchy-legs model --------------------------------------------

# Each row of the table of options: option, what it acts on, factor, low, high, quality.
# "parent->child" is a link; a context has the state that it is set to.
TABLE = """
improve_nutrition magnesium_deficiency .50 .30 .80 low
improve_nutrition potassium_deficiency .75 .5 .95 low
improve_nutrition calcium_deficiency .75 .5 .95 low
improve_nutrition poor_diet=absent
magnesium_tablets nocturnal_leg_cramps .92 .77 1.04 moderate
iron_treatment restless_legs_syndrome .75 .55 .90 moderate
iron_treatment iron_deficiency .30 .15 .50 high
stay_hydrated dehydration .25 .10 .45 moderate
stay_hydrated nocturnal_leg_cramps .90 .75 1.0 very_low
stay_hydrated low_fluid_intake=absent
reduce_stress stress_anxiety .70 .55 .85 moderate
reduce_stress sleep_deprivation .85 .70 .95 moderate
reduce_stress restless_legs_syndrome .70 .45 .95 low
reduce_stress benign_fasciculation .85 .65 1.0 very_low
limit_stimulants stimulant_excess .15 .05 .35 moderate
limit_stimulants caffeine_intake=low
limit_stimulants energy_products=absent
limit_stimulants nicotine_use=absent
limit_stimulants sleep_deprivation .85 .70 .95 moderate
limit_stimulants benign_fasciculation .75 .5 1.0 very_low
limit_stimulants hypnic_jerks .80 .6 1.0 very_low
limit_stimulants restless_legs_syndrome .95 .8 1.0 very_low
rest_and_recover muscle_fatigue .20 .10 .40 moderate
gentle_exercise restless_legs_syndrome .65 .45 .85 low
gentle_exercise periodic_limb_movement_disorder .75 .5 1.0 low
gentle_exercise stress_anxiety .80 .65 .95 moderate
gentle_exercise lifestyle_strain .60 .4 .8 low
gentle_exercise diabetic_neuropathy .90 .75 1.0 low
stretching nocturnal_leg_cramps .65 .45 .95 low
stretching muscle_fatigue .97 .9 1.0 moderate
stretching no_stretching=absent
stretching lifestyle_strain .75 .55 .95 very_low
movement_breaks lifestyle_strain .50 .3 .8 low
movement_breaks prolonged_sitting=absent
movement_breaks restless_legs_syndrome .90 .75 1.0 very_low
comfortable_clothing tight_clothing=absent
good_posture poor_posture=absent
good_posture lifestyle_strain .80 .6 1.0 very_low
medication_review medication_side_effect .30 .15 .55 moderate
medication_review antidepressant_use->restless_legs_syndrome .40 .2 .7 low
medication_review dopamine_blocker_use->restless_legs_syndrome .40 .2 .7 low
medication_review sedating_antihistamine_use->restless_legs_syndrome .40 .2 .7 low
medication_review proton_pump_inhibitor_use->magnesium_deficiency .40 .2 .7 low
medication_review diuretic_use->magnesium_deficiency .40 .2 .7 low
medication_review diuretic_use->potassium_deficiency .40 .2 .7 moderate
treat_underlying_condition hyperthyroidism .10 .05 .25 high
treat_underlying_condition hypothyroidism .25 .10 .45 moderate
treat_underlying_condition restless_legs_syndrome .45 .3 .65 high
treat_underlying_condition diabetic_neuropathy .80 .6 .95 moderate
treat_underlying_condition multiple_sclerosis .60 .4 .85 moderate
treat_underlying_condition parkinsons_disease .50 .3 .8 moderate
treat_underlying_condition herniated_disc .75 .5 .95 moderate
treat_underlying_condition sciatica .75 .5 .95 moderate
treat_underlying_condition motor_neurone_disease 1.0 1.0 1.0 very_low
sleep_better sleep_deprivation .55 .35 .75 high
sleep_better stress_anxiety .85 .7 1.0 moderate
sleep_better hypnic_jerks .80 .6 1.0 very_low
sleep_better benign_fasciculation .80 .6 1.0 very_low
sleep_better short_sleep=absent
"""


def spelled(effect: Effect) -> str:
    if effect.kind == "link":
        return f"{effect.target}->{effect.child}"
    return f"{effect.target}={effect.state}" if effect.kind == "context" else effect.target


@pytest.mark.parametrize(
    "row", TABLE.strip().splitlines(), ids=lambda row: " ".join(row.split()[:2])
)
def test_every_row_of_the_table_is_an_effect(row: str) -> None:
    option, target, *numbers = row.split()
    effects = {spelled(effect): effect for effect in OPTIONS[option].effects}
    effect = effects[target]
    assert effect.sources
    if numbers:
        *values, quality = numbers
        assert [effect.factor, effect.low, effect.high] == [float(value) for value in values]
        assert effect.quality == quality.replace("_", " ")


# The options that the index by cause names, for each cause.
BY_CAUSE = {
    "muscle_fatigue": "rest_and_recover",
    "magnesium_deficiency": "improve_nutrition medication_review",
    "potassium_deficiency": "improve_nutrition medication_review",
    "calcium_deficiency": "improve_nutrition",
    "iron_deficiency": "iron_treatment",
    "restless_legs_syndrome": "iron_treatment medication_review gentle_exercise "
    "treat_underlying_condition",
    "periodic_limb_movement_disorder": "medication_review gentle_exercise",
    "dehydration": "stay_hydrated",
    "medication_side_effect": "medication_review",
    "stress_anxiety": "reduce_stress gentle_exercise sleep_better",
    "stimulant_excess": "limit_stimulants decaffeinated_drinks",
    "sleep_deprivation": "sleep_better limit_stimulants",
    "lifestyle_strain": "movement_breaks gentle_exercise good_posture",
    "nocturnal_leg_cramps": "stretching medication_review",
    "benign_fasciculation": "limit_stimulants sleep_better",
    "hypnic_jerks": "sleep_better limit_stimulants",
    "peripheral_neuropathy": "treat_underlying_condition",
    "diabetic_neuropathy": "treat_underlying_condition",
    "hyperthyroidism": "treat_underlying_condition",
    "hypothyroidism": "treat_underlying_condition",
    "herniated_disc": "treat_underlying_condition",
    "sciatica": "treat_underlying_condition",
    "multiple_sclerosis": "treat_underlying_condition",
    "parkinsons_disease": "treat_underlying_condition",
    "motor_neurone_disease": "treat_underlying_condition",
}


def test_every_cause_but_the_emergency_has_its_options() -> None:
    assert set(BY_CAUSE) == set(MODEL.causes) - {"cauda_equina_syndrome"}
    for cause_name, names in BY_CAUSE.items():
        for name in names.split():
            acts_on = {effect.child or effect.target for effect in OPTIONS[name].effects}
            assert cause_name in acts_on, (name, cause_name)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("magnesium_tablets", "do not help ordinary night cramps"),
        ("stay_hydrated", "plain water is no cure for cramps"),
        ("stretching", "does not prevent or shorten soreness"),
        ("good_posture", "is not proven"),
        ("comfortable_clothing", "is not proven"),
        ("limit_stimulants", "not proven to cause restless legs"),
        ("treat_underlying_condition", "Quinine is not for self-care"),
        ("treat_underlying_condition", "surgery at once"),
        ("medication_review", "Never stop"),
    ],
)
def test_says_what_the_evidence_does_not_support(option: str, words: str) -> None:
    assert words in OPTIONS[option].advice


def test_every_option_says_what_to_do_and_on_what_ground() -> None:
    known = {source.key for source in NETWORK.sources}
    for option in NETWORK.options:
        assert option.advice.endswith("."), option.name
        assert option.sources, option.name
        assert set(option.sources) <= known, option.name
        assert bool(option.caution) == bool(option.caution_if), option.name
        for effect in option.effects:
            assert set(effect.sources) <= known
            assert effect.kind == "context" or effect.low <= effect.factor <= effect.high


@cache
def _managed(answers: tuple[tuple[str, object], ...]) -> Management:
    return MODEL.diagnose({"age_band": "35-49", "sex": "female", **dict(answers)}).management


def offered(**answers: object) -> dict[str, Recommendation]:
    """The options for a woman of 35-49 who gives these answers, in order."""
    return {one.option: one for one in _managed(tuple(sorted(answers.items()))).options}


def first(**answers: object) -> str:
    return next(iter(offered(**answers)))


def test_the_option_that_fits_the_story_comes_first() -> None:
    assert first(leg_twitching=1, intense_exercise=1, twitch_after_exercise=1) == "rest_and_recover"
    assert first(leg_twitching=1, caffeine_intake="high", energy_products=1) == "limit_stimulants"
    story = {"onset_after_new_medication": 1, "new_medication": 1, "antidepressant_use": 1}
    assert "medication_review" in list(offered(leg_twitching=1, **story))[:2]


def test_nothing_is_recommended_that_is_fine_already() -> None:
    fine = {"caffeine_intake": "low", "energy_products": 0, "nicotine_use": 0}
    assert "limit_stimulants" not in offered(leg_twitching=1, **fine)
    assert "limit_stimulants" in offered(leg_twitching=1, **{**fine, "nicotine_use": 1})
    assert "limit_stimulants" in offered(leg_twitching=1)
    assert "movement_breaks" not in offered(leg_twitching=1, prolonged_sitting=0)
    assert "movement_breaks" in offered(leg_twitching=1, prolonged_sitting=1)


def test_decaffeinated_drinks_are_for_the_sensitive() -> None:
    coffee = {"leg_twitching": 1, "caffeine_intake": "moderate", "restlessness": 1}
    assert "decaffeinated_drinks" not in offered(**coffee)
    assert "decaffeinated_drinks" not in offered(**coffee, caffeine_sensitivity=0)
    assert "decaffeinated_drinks" in offered(**coffee, caffeine_sensitivity=1)


def test_comfortable_clothing_is_offered_to_who_wears_tight_clothes() -> None:
    strained = {"leg_twitching": 1, "prolonged_sitting": 1, "muscle_stiffness": 1}
    assert "comfortable_clothing" not in offered(**strained)
    one = offered(**strained, tight_clothing=1)["comfortable_clothing"]
    assert one.changes == ("tight_clothing",)
    assert one.quality == "very low"


def test_cautions_follow_the_answers() -> None:
    thirsty = {"leg_twitching": 1, "low_fluid_intake": 1, "thirst": 1}
    assert not offered(**thirsty)["stay_hydrated"].caution_applies
    assert offered(**thirsty)["stay_hydrated"].caution
    assert offered(**thirsty, kidney_disease=1)["stay_hydrated"].caution_applies
    assert offered(**thirsty, kidney_disease=0)["stay_hydrated"].caution == ""


def test_iron_helps_restless_legs_as_far_as_iron_is_low() -> None:
    restless = {"leg_twitching": 1, "urge_to_move": 1, "relief_by_moving": 1, "worse_at_night": 1}
    unlikely = offered(**restless, iron_deficiency=0).get("iron_treatment")
    assert unlikely is None
    sure = offered(**restless, iron_deficiency=1)["iron_treatment"]
    unsure = offered(**restless, iron_deficiency_risk=1)["iron_treatment"]
    assert sure.benefit > unsure.benefit > 0
    assert sure.actions[0].given == "iron_deficiency"


def test_the_red_flag_override() -> None:
    emergency = MODEL.diagnose(leg_twitching=1, saddle_numbness=1).management
    assert emergency.urgency == "emergency"
    assert "hours matter" in emergency.first[0]
    assert [one.option for one in emergency.visit] == ["see_clinician"]
    assert emergency.options == ()
    soon = MODEL.diagnose(leg_twitching=1, intense_exercise=1, muscle_weakness=1).management
    assert soon.urgency == "soon"
    assert soon.first
    assert [one.option for one in soon.visit] == ["see_clinician"]
    assert soon.options
    calm = MODEL.diagnose(leg_twitching=1).management
    assert (calm.first, calm.visit) == ((), ())
