#!/usr/bin/env bash
# Makes the demo's base again: text, random weights, one pass of full training. About 20 minutes on one core.
#
#   bash demo/make-base.sh [OUTPUT]
set -euo pipefail
cd "$(dirname "$0")/.."

output=${1:-demo/base-new}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

node demo/dist/corpus/main.js corpus --seed 1 --rows 60000 --split train --render demo/base --batch 32 --output "$work/train.jsonl"
node demo/dist/corpus/main.js corpus --seed 1 --rows 400 --split eval --render demo/base --output "$work/eval.jsonl"

bin/espalier init --output "$work/random" --tokenizer demo/base --seed 1 --dtype float16 \
  --hidden-size 192 --intermediate-size 512 --layers 6 --heads 6 --kv-heads 2 --max-positions 512 --tied-embeddings

# WHY one thread: sums then have one order, whatever machine has how many cores.
bin/espalier train --full --base "$work/random" --data "$work/train.jsonl" --eval-data "$work/eval.jsonl" \
  --output "$output" --dtype base --threads 1 --seed 1 --no-shuffle --batch-size 32 --epochs 1 --max-length 192 \
  --learning-rate 2e-3 --schedule cosine --warmup-steps 100 --weight-decay 0.01
