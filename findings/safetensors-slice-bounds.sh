#!/usr/bin/env bash
# safetensors: slices of a file refuse what the same slices of an array take.
#
# Packages: safetensors 0.8.0, numpy 2.4.6.
# Expected: `safe_open(...).get_slice(name)[...]` takes slices as Python has them: a negative
#   start or stop counts from the end, a stop beyond the end means the end.
# Seen: a negative index works (`s[-1]`), a negative bound raises OverflowError (`s[-2:]`), and a
#   stop beyond the end raises SafetensorError (`s[2:100]`).
# Why it matters: this is the interface for reading a shard of a weight without the rest. The last
#   shard is where a stop beyond the end comes from (rows that do not divide evenly), so that
#   code tested with even sizes fails on the first uneven one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'safetensors==0.8.0' 'numpy==2.4.6'
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import numpy
import safetensors
from safetensors import safe_open
from safetensors.numpy import save_file

array = numpy.arange(24, dtype=numpy.float32).reshape(4, 6)
save_file({"weight": array}, "weight.safetensors")
slices = {"[1:3]": numpy.s_[1:3], "[-1]": numpy.s_[-1], "[-2:]": numpy.s_[-2:], "[:-1]": numpy.s_[:-1], "[2:100]": numpy.s_[2:100]}
results = {}
print("safetensors", safetensors.__version__, "| numpy", numpy.__version__)
with safe_open("weight.safetensors", "numpy") as file:
    lazy = file.get_slice("weight")
    for name, index in slices.items():
        try:
            results[name] = "equal" if numpy.array_equal(lazy[index], array[index]) else "different"
        except Exception as error:
            results[name] = type(error).__name__
        print(f"array{name} has shape {array[index].shape}; expected: equal; seen: {results[name]}")
expected = {"[1:3]": "equal", "[-1]": "equal", "[-2:]": "OverflowError", "[:-1]": "OverflowError", "[2:100]": "SafetensorError"}
if results != expected:
    sys.exit("CHANGED: other slices are refused than before")
print("The finding holds.")
PYTHON
