#!/usr/bin/env bash
# PEFT: `adapter_config.json` lists its modules in another order in every process.
#
# Packages: peft 0.21.0, transformers 5.18.0, torch 2.13.0.
# Expected: the list given as `target_modules` is written as it was given, or sorted.
# Seen: PEFT keeps it as a set of strings and writes the set's order, which Python's string
#   hashing randomizes for each process. Training the same adapter twice, or loading and saving
#   it, gives another file each time. (`modules_to_save` is kept as a list and keeps its order.)
# Why it matters: an adapter folder cannot be identified by the hashes of its files, and a diff
#   of two adapters' configurations shows changes that are none. Compare the parsed settings,
#   with `target_modules` as a set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'peft==0.21.0' 'transformers==5.18.0' 'torch==2.13.0'
cd "$folder"
venv/bin/python - <<'PYTHON'
import json
import os
import subprocess
import sys

import peft

write = """
from peft import LoraConfig
modules = ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj"]
LoraConfig(r=4, target_modules=modules, modules_to_save=["c", "a", "b"]).save_pretrained(".")
"""
orders, saved = set(), set()
for seed in range(4):  # Without PYTHONHASHSEED every process draws a seed of its own.
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    subprocess.check_call([sys.executable, "-c", write], env=environment)
    with open("adapter_config.json", encoding="utf-8") as file:
        config = json.load(file)
    orders.add(tuple(config["target_modules"]))
    saved.add(tuple(config["modules_to_save"]))

print("peft", peft.__version__)
print("expected: four processes write one and the same order of target_modules")
print(f"seen: {len(orders)} orders of target_modules, {len(saved)} of modules_to_save")
for order in sorted(orders):
    print("  ", *order)
if len(orders) == 1:
    sys.exit("CHANGED: target_modules has one order now")
print("The finding holds.")
PYTHON
