#!/bin/sh
# pgmpy 1.1.2: VariableElimination.map_query(evidence=...) without a list of variables answers as
# if there were no evidence, and contradicts it; with the variables named, it is right.
# Prints what it saw; fails if that changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check pgmpy==1.1.2
cat >look.py <<'END'
import logging
import warnings

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from pgmpy.factors.discrete import TabularCPD
from pgmpy.inference import VariableElimination
from pgmpy.models import DiscreteBayesianNetwork

names = {"leak": ["no", "yes"], "alarm": ["silent", "rings"]}
model = DiscreteBayesianNetwork([("leak", "alarm")])
model.add_cpds(
    TabularCPD("leak", 2, [[0.9], [0.1]], state_names={"leak": names["leak"]}),
    TabularCPD("alarm", 2, [[0.99, 0.05], [0.01, 0.95]], ["leak"], [2], state_names=names),
)
engine = VariableElimination(model)
said = {"alarm": "rings"}
unnamed = engine.map_query(evidence=said, show_progress=False)
named = engine.map_query(["leak"], said, show_progress=False)
print("evidence", said)
print("without names", unnamed)
print("with names", named)
assert named == {"leak": "yes"}, "the right answer is another now"
assert unnamed == {"leak": "no", "alarm": "silent"}, "the evidence is taken now"
END
env/bin/python look.py
