#!/usr/bin/env bash
# safetensors: the same tensors with the same metadata give other bytes in every process.
#
# Packages: safetensors 0.8.0, numpy 2.4.6.
# Expected: a format that sorts its tensors, and that is used to tell files apart by their hash,
#   writes the same bytes for the same content.
# Seen: the entries of `__metadata__` are written in the order of a hash map that is seeded anew
#   in each process. With eight entries the hash of the file differs nearly always; with at most
#   one entry (`{"format": "pt"}`, what transformers writes) it does not.
# Why it matters: caches, registries and signatures that identify an adapter or a checkpoint by
#   the hash of its file take a re-saved, unchanged one for a new one. Hash the tensors instead.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'safetensors==0.8.0' 'numpy==2.4.6'
cd "$folder"
venv/bin/python - <<'PYTHON'
import subprocess
import sys

import numpy
import safetensors

write = """
import hashlib
import numpy
from safetensors.numpy import save
metadata = {f"key{i}": str(i) for i in range(ENTRIES)}
print(hashlib.sha256(save({"weight": numpy.zeros(4, numpy.float32)}, metadata=metadata)).hexdigest())
"""


def hashes(entries):
    program = write.replace("ENTRIES", str(entries))
    return {subprocess.check_output([sys.executable, "-c", program], text=True).strip() for _ in range(5)}


one, eight = len(hashes(1)), len(hashes(8))
print("safetensors", safetensors.__version__, "| numpy", numpy.__version__)
print("expected: five processes that save the same content write one and the same file")
print(f"seen: {one} different file(s) with one entry of metadata, {eight} with eight entries")
if one != 1 or eight == 1:
    sys.exit("CHANGED: files with eight entries no longer differ, or files with one entry do")
print("The finding holds.")
PYTHON
