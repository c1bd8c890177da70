#!/bin/sh
# A missing row of a BIF table is read as zeros, by pgmpy 1.1.2.
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
from pgmpy.readwrite import BIFReader

TEXT = """network garden { }
variable rain { type discrete [2] { no, yes }; }
variable wet { type discrete [2] { no, yes }; }
probability ( rain ) { table 0.8, 0.2; }
probability ( wet | rain ) { (yes) 0.2, 0.8; }
"""
open("garden.bif", "w").write(TEXT)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    by_pgmpy = BIFReader("garden.bif").get_model().get_cpds("wet").values.T.tolist()
about = [str(one.message) for one in told if "wet" in str(one.message)]
print("P(wet | rain) by row:", by_pgmpy, "warnings about it:", about)
assert by_pgmpy[0] == [0.0, 0.0], "pgmpy does something else now"
assert not about, "it is told now"
END
env/bin/python look.py
