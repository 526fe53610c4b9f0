#!/usr/bin/env bash
# PEFT: loading an adapter into a name that is in use keeps the old adapter's scaling.
#
# Packages: peft 0.21.0, transformers 5.18.0, torch 2.13.0.
# Expected: after `load_adapter(folder, name)` the model computes what a model that was
#   opened with this folder computes. If PEFT cannot do that, it raises.
# Seen: the weights are replaced, `lora_alpha` (and with it the scaling, `use_rslora` and the
#   rest of the configuration) stays that of the adapter that was there before. Nothing warns:
#   the call reports "All keys matched successfully".
# Why it matters: this is the obvious way to put a newly trained adapter in the place of a
#   running one. With another alpha every answer is scaled by old alpha / new alpha.
#   `delete_adapter` before `load_adapter` avoids it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'peft==0.21.0' 'transformers==5.18.0' 'torch==2.13.0'
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys
import tempfile

import peft
import torch
from peft import LoraConfig, PeftModel, get_peft_model


class Base(torch.nn.Module):
    config = {}

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.linear = torch.nn.Linear(8, 8, bias=False)

    def forward(self, x):
        return self.linear(x)


def save_adapter(alpha, seed):
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=alpha, target_modules=["linear"], init_lora_weights=False)
    folder = tempfile.mkdtemp(dir=".")
    get_peft_model(Base(), config).save_pretrained(folder)
    return folder


old, new = save_adapter(alpha=4, seed=2), save_adapter(alpha=32, seed=3)
x = torch.ones(1, 8)
with torch.no_grad():
    base = Base()(x)
    expected = PeftModel.from_pretrained(Base(), new)(x) - base
    model = PeftModel.from_pretrained(Base(), old, adapter_name="live")
    report = model.load_adapter(new, "live")
    seen = model(x) - base

ratio = (seen.norm() / expected.norm()).item()
print("peft", peft.__version__, "| torch", torch.__version__)
print("load_adapter reports:", report)
print("expected: the update of the new adapter, with scaling 32 / 4 = 8")
print(f"seen: the new weights with scaling {model.base_model.model.linear.scaling['live']}, {ratio:.4f} of the update")
if abs(ratio - 1 / 8) > 1e-3:
    sys.exit(f"CHANGED: the update is {ratio:.4f} of what it should be; 0.1250 was seen before")
print("The finding holds.")
PYTHON
