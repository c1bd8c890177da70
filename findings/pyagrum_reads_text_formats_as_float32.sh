#!/bin/sh
# pyAgrum 3.3.1 rounds the numbers of BIF, UAI, NET and DSL files to single precision.
# Prints what it saw; fails if that changed.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check pyagrum==3.3.1
cat >look.py <<'END'
import pyagrum

net = pyagrum.BayesNet("pump")
net.add(pyagrum.LabelizedVariable("fault", "", ["no", "yes"]))
net.cpt("fault").fillWith([0.8, 0.2])
for suffix in ("bif", "uai", "net", "dsl", "bifxml", "xdsl"):
    pyagrum.saveBN(net, f"pump.{suffix}")
    back = pyagrum.loadBN(f"pump.{suffix}")
    found = back.cpt(back.names().pop()).tolist()
    print(f"{suffix:7} {found}")
    double = suffix in ("bifxml", "xdsl")
    expected = [0.8, 0.2] if double else [0.800000011920929, 0.20000000298023224]
    assert found == expected, "the numbers are read in another way now"
assert "table 0.8 0.2" in open("pump.bif").read(), "the file itself is exact"
END
env/bin/python look.py
