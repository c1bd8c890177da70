#!/bin/sh
# pgmpy 1.1.2 writes 1e-9 as 0.0 in a Hugin NET file.
# Prints what it saw; fails if that changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check pgmpy==1.1.2
cat >look.py <<'END'
import logging

logging.disable(logging.CRITICAL)
from pgmpy.factors.discrete import TabularCPD
from pgmpy.models import DiscreteBayesianNetwork
from pgmpy.readwrite import NETWriter

model = DiscreteBayesianNetwork([("valve", "alarm")])
names = {"valve": ["shut", "open"], "alarm": ["off", "on"]}
model.add_cpds(
    TabularCPD("valve", 2, [[0.8], [0.2]], state_names={"valve": names["valve"]}),
    TabularCPD(
        "alarm", 2, [[0.999999999, 0.3], [1e-9, 0.7]], ["valve"], [2], state_names=names
    ),
)
NETWriter(model).write("valve.net")
text = open("valve.net").read()
print(text)
assert "1e-09" not in text and "1.0000e-09" not in text, "small numbers are written now"
assert "((1.0  0.0 )" in text, "the row is written in another way now"
END
env/bin/python look.py
