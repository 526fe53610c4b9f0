#!/usr/bin/env bash
# transformers: Falcon with ALiBi adds the bias twice with attn_implementation="eager".
#
# Packages: transformers 5.18.0, torch 2.13.0.
# Expected: "eager" and "sdpa" attention give the same logits, up to rounding.
# Seen: they differ far beyond rounding. The model puts ALiBi into the causal mask for either implementation;
#   the eager attention then adds it to the scores once more. Twice the slopes with "sdpa" give
#   what "eager" gives.
# Why it matters: Falcon-RW was trained with the bias once. Who asks for "eager", to read the
#   attention weights or as the reference of a port, gets another model.
# The model of the script has random weights of a fixed seed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'transformers==5.18.0' 'torch==2.13.0'
cd "$folder"
venv/bin/python - <<'PYTHON'
import sys

import torch
import transformers
from transformers import FalconConfig, FalconForCausalLM
from transformers.models.falcon import modeling_falcon

transformers.logging.set_verbosity_error()
config = FalconConfig(
    vocab_size=100, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_kv_heads=4,
    alibi=True, multi_query=False, parallel_attn=False, bias=True, bos_token_id=1, eos_token_id=2,
)
torch.manual_seed(0)
weights = FalconForCausalLM(config).state_dict()
ids = torch.randint(3, 100, (1, 20))


def logits(attention):
    model = FalconForCausalLM._from_config(config, attn_implementation=attention).eval()
    model.load_state_dict({name: 4 * weight for name, weight in weights.items()})
    with torch.no_grad():
        return model(ids, attention_mask=torch.ones_like(ids)).logits


eager, sdpa = logits("eager"), logits("sdpa")
once = modeling_falcon.build_alibi_tensor
modeling_falcon.build_alibi_tensor = lambda *arguments, **options: 2 * once(*arguments, **options)
twice = logits("sdpa")
print("transformers", transformers.__version__, "| torch", torch.__version__)
print("expected: eager and sdpa agree\nseen: they differ by", float((eager - sdpa).abs().max()))
print("seen: eager and sdpa with twice the bias differ by", float((eager - twice).abs().max()))
if (eager - sdpa).abs().max() < 1e-3 or (eager - twice).abs().max() > 1e-3:
    sys.exit("CHANGED: eager adds the bias once")
print("The finding holds.")
PYTHON
