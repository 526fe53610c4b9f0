#!/usr/bin/env bash
# tokenizers: training WordPiece twice on the same text gives other token ids.
#
# Packages: tokenizers 0.23.2.
# Expected: training is deterministic, as it is for BPE without a prefix of inner pieces.
# Seen: the pieces of one character that continue a word ("##a", "##b", ...) get their ids in
#   the order of a hash map that is seeded anew in each process. The set of pieces is the same,
#   the ids are permuted.
# Why it matters: a model trained with one run's tokenizer reads other text with the next run's,
#   and neither the vocabulary's size nor any count of tokens shows it. Keep `tokenizer.json`
#   with the weights; do not train it again from the same corpus.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'tokenizers==0.23.2'
cd "$folder"
venv/bin/python - <<'PYTHON'
import json
import subprocess
import sys

import tokenizers

train = """
import json
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
text = ["the quick brown fox jumps over the lazy dog", "pack my box with five dozen liquor jugs"]
def vocabulary(model, trainer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(text, trainer)
    return tokenizer.get_vocab()
wordpiece = vocabulary(models.WordPiece(unk_token="?"), trainers.WordPieceTrainer(vocab_size=60, special_tokens=["?"], show_progress=False))
bpe = vocabulary(models.BPE(), trainers.BpeTrainer(vocab_size=60, show_progress=False))
print(json.dumps({"wordpiece": wordpiece, "bpe": bpe}))
"""
runs = [json.loads(subprocess.check_output([sys.executable, "-c", train], text=True)) for _ in range(4)]


def different(kind):
    return len({json.dumps(run[kind], sort_keys=True) for run in runs})


print("tokenizers", tokenizers.__version__)
print("expected: four trainings on the same text give one vocabulary")
print("seen:", different("bpe"), "of BPE,", different("wordpiece"), "of WordPiece;", end=" ")
print('ids of "##a":', *[run["wordpiece"]["##a"] for run in runs])
print("same set of pieces:", len({tuple(sorted(run["wordpiece"])) for run in runs}) == 1)
if different("wordpiece") == 1:
    sys.exit("CHANGED: WordPiece gives one vocabulary")
print("The finding holds.")
PYTHON
