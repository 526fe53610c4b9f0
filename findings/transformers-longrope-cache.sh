#!/usr/bin/env bash
# transformers: Phi-3 with longrope forgets its prompt when cached generation passes the original
# context length.
#
# Packages: transformers 5.18.0, torch 2.13.0.
# Expected: greedy generation with the key-value cache gives the tokens that generation without
#   it gives, as for other models.
# Seen: both agree up to `original_max_position_embeddings` tokens. There the model changes to its
#   long rotary factors and drops the cache, but still passes the newest token only: from then on
#   each token is computed from the one before it alone. Nothing warns.
# Why it matters: Phi-3 and Phi-4-mini with 128k contexts are such models, and the cache is on by
#   default. An answer that crosses 4096 tokens loses its context at that point.
# The model of the script has random weights of a fixed seed; which tokens come is of no account.
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
from transformers import Phi3Config, Phi3ForCausalLM

transformers.logging.set_verbosity_error()
ORIGINAL, PROMPT, NEW = 32, 28, 20
config = Phi3Config(
    vocab_size=100, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
    num_attention_heads=4, num_key_value_heads=4, pad_token_id=0, bos_token_id=1, eos_token_id=None,
    max_position_embeddings=256, original_max_position_embeddings=ORIGINAL,
    rope_scaling={"type": "longrope", "short_factor": [1.0] * 8, "long_factor": [1.0 + i for i in range(8)]},
)
torch.manual_seed(0)
model = Phi3ForCausalLM(config).eval()
for parameter in model.parameters():
    parameter.data.mul_(4)  # With its initial weights the model repeats one token.
prompt = torch.randint(3, 100, (1, PROMPT))

calls = []  # How many tokens each call is given, and how many the cache holds.
forward = model.model.forward


def recorded(*arguments, **options):
    cache = options.get("past_key_values")
    calls.append((options["input_ids"].shape[1], 0 if cache is None else cache.get_seq_length()))
    return forward(*arguments, **options)


model.model.forward = recorded


def generate(use_cache):
    calls.clear()
    ids = model.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=NEW,
        do_sample=False, use_cache=use_cache, eos_token_id=None,
    )
    return ids[0, PROMPT:].tolist()


whole, cached = generate(False), generate(True)
same = next((i for i in range(NEW) if cached[i] != whole[i]), NEW)
print("transformers", transformers.__version__, "| torch", torch.__version__)
print("expected: both give the same tokens\nwithout cache:", *whole)
print("seen: with cache:", *cached)
print("seen: (tokens given, tokens in the cache) of each call:", *calls)
print(f"They agree for {same} tokens, up to length {PROMPT + same}; the factors change at {ORIGINAL}.")
if same == NEW or calls[-1] != (1, 0):
    sys.exit("CHANGED: generation with the cache agrees, or keeps a context")
print("The finding holds.")
PYTHON
