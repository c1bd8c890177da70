#!/bin/sh
# pgmpy 1.1.2 writes the tables of a UAI file in another order than it declares.
# Prints what it saw; fails if that changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check pgmpy==1.1.2 pyagrum==3.3.1
cat >look.py <<'END'
import logging

logging.disable(logging.CRITICAL)
import pyagrum
from pgmpy.factors.discrete import TabularCPD
from pgmpy.models import DiscreteBayesianNetwork
from pgmpy.readwrite import UAIWriter

# P(wet) is 0.1 without rain and 0.7 with it
model = DiscreteBayesianNetwork([("rain", "wet")])
model.add_cpds(
    TabularCPD("rain", 2, [[0.8], [0.2]]),
    TabularCPD("wet", 2, [[0.9, 0.3], [0.1, 0.7]], ["rain"], [2]),
)
UAIWriter(model).write("rain.uai")
text = open("rain.uai").read()
print(text)
lines = text.split("\n")
assert "2 0 1" in lines, "the scope is rain, then wet: wet runs fastest"
numbers = text.split()[-4:]
print("written", numbers, "expected 0.9 0.1 0.3 0.7")
assert [float(x) for x in numbers] == [0.9, 0.3, 0.1, 0.7], "the order is another now"
read = pyagrum.loadBN("rain.uai")
found = read.cpt("1").tolist()
print("pyAgrum reads P(wet | no rain) =", found[0])
assert abs(found[0][1] - 0.3) < 1e-6, "another reader gets the right numbers now"
END
env/bin/python look.py
