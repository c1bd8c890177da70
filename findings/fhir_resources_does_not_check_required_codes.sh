#!/bin/sh
# fhir.resources 8.3.0 checks the form of a resource and not the codes that its version requires:
# a Questionnaire of R4 passes as one of R5, and one of R5 as one of R4B.
# Prints what it saw; fails if that changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check fhir.resources==8.3.0
cat >look.py <<'END'
from fhir.resources.questionnaire import Questionnaire as R5
from fhir.resources.R4B.questionnaire import Questionnaire as R4B


def form(kind):
    """A question with one answer to choose; R4 and R4B call its type choice, R5 coding."""
    item = {
        "linkId": "colour",
        "text": "Which colour?",
        "type": kind,
        "answerOption": [{"valueCoding": {"code": "red"}}],
    }
    return {"resourceType": "Questionnaire", "status": "draft", "item": [item]}


for version, model, kind in (("R5", R5, "choice"), ("R4B", R4B, "coding")):
    found = model.model_validate(form(kind)).item[0].type
    print(f"{version} takes the type {found}, which only the other version has")
    assert found == kind
END
env/bin/python look.py
