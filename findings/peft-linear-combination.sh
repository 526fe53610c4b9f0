#!/usr/bin/env bash
# PEFT: `add_weighted_adapter(..., combination_type="linear")` does not combine the updates linearly.
#
# Packages: peft 0.21.0, transformers 5.18.0, torch 2.13.0.
# Expected: the combination of two adapters with the weights 0.5 and 0.5 changes an output by half
#   of what the first one does plus half of what the second one does.
# Seen: the factors are added and not their products: with A = sum sqrt(w) A_i and
#   B = sum sqrt(w) B_i the product B A also holds the crossed terms B_1 A_2 and B_2 A_1. For two
#   unrelated adapters the error is as large as the update itself.
#   "cat" gives the weighted sum (to the last digits), "svd" does too while its rank is enough.
# Why it matters: "linear" is the kind that needs equal ranks and keeps the rank, so that it
#   looks like the natural way to average adapters, of federated training for example.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'peft==0.21.0' 'transformers==5.18.0' 'torch==2.13.0'
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import peft
import torch
from peft import LoraConfig, get_peft_model


class Base(torch.nn.Module):
    config = {}

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.linear = torch.nn.Linear(64, 64, bias=False)

    def forward(self, x):
        return self.linear(x)


config = LoraConfig(r=4, lora_alpha=4, target_modules=["linear"], init_lora_weights=False)
torch.manual_seed(2)
model = get_peft_model(Base(), config, adapter_name="one")
model.add_adapter("two", config)
x = torch.randn(16, 64)


@torch.no_grad()
def update(name):
    model.set_adapter(name)
    return model(x) - Base()(x)


expected = 0.5 * update("one") + 0.5 * update("two")
print("peft", peft.__version__, "| torch", torch.__version__)
print("expected: half of each update, for every kind of combination")
errors = {}
for kind in ("linear", "cat", "svd"):
    model.add_weighted_adapter(["one", "two"], [0.5, 0.5], kind, combination_type=kind, svd_rank=8 if kind == "svd" else None)
    errors[kind] = ((update(kind) - expected).norm() / expected.norm()).item()
    print(f"seen: {kind:6} differs by {errors[kind]:.1e} of the expected update's norm")
if errors["linear"] < 0.1 or errors["cat"] > 1e-4:
    sys.exit(f"CHANGED: {errors}")
print("The finding holds.")
PYTHON
