"""The peer of bench/banking77.mjs: a decoder with a new head for classes, trained by transformers, PEFT and PyTorch.

    python bench/classify-peer.py start --base DIR --labels 77 --pad 1 --output FOLDER [--rank 16] [--seed 0]
    python bench/classify-peer.py train --base DIR --adapter DIR --rows FILE --test FILE [--batch 32] [--epochs 3] [--learning-rate 2e-3]

`start` writes FOLDER/base, the model with a random head, and FOLDER/adapter, an adapter before its first step, in PEFT's format.
`train` goes through the rows in the order of the file and prints one line of JSON. Rows are JSONL of input_ids and label.
"""

import argparse
import json
import os
import resource
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["start", "train"])
    parser.add_argument("--base", required=True)
    parser.add_argument("--output")
    parser.add_argument("--adapter")
    parser.add_argument("--rows")
    parser.add_argument("--test")
    parser.add_argument("--labels", type=int, default=77)
    parser.add_argument("--pad", type=int, default=1)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    (start if options.work == "start" else train)(options)


def start(options):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(
        options.base, num_labels=options.labels, dtype=torch.float32, pad_token_id=options.pad
    )
    model.config.problem_type = "single_label_classification"
    model.save_pretrained(os.path.join(options.output, "base"))
    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(
        r=options.rank,
        lora_alpha=2 * options.rank,
        target_modules=modules,
        modules_to_save=["score"],
        task_type="SEQ_CLS",
    )
    get_peft_model(model, config).save_pretrained(os.path.join(options.output, "adapter"))


def train(options):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(options.base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, options.adapter, is_trainable=True)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=options.learning_rate, weight_decay=0.0)
    rows, test = rows_of(options.rows), rows_of(options.test)
    pad = model.config.pad_token_id
    steps = options.epochs * -(-len(rows) // options.batch)
    first, last, step = None, None, 0
    began = time.perf_counter()
    model.train()
    for _ in range(options.epochs):
        for batch in batches(rows, options.batch, pad):
            loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            for group in optimizer.param_groups:
                group["lr"] = options.learning_rate * (1 - step / steps)
            optimizer.step()
            optimizer.zero_grad()
            last = loss.item()
            first = last if first is None else first
            step += 1
    seconds = time.perf_counter() - began
    model.eval()
    right = 0
    with torch.inference_mode():
        for batch in batches(test, 64, pad):
            right += int((model(**batch).logits.argmax(-1) == batch["labels"]).sum())
    result = {"peer": "peft", "accuracy": right / len(test), "firstLoss": first, "lastLoss": last, "steps": step}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps({**result, "seconds": round(seconds, 1), "peakRssMb": peak}))


def rows_of(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def batches(rows, size, pad):
    """Rows in their order, padded on the right to the longest of a batch."""
    import torch

    for place in range(0, len(rows), size):
        some = rows[place : place + size]
        longest = max(len(row["input_ids"]) for row in some)
        filled = [row["input_ids"] + [pad] * (longest - len(row["input_ids"])) for row in some]
        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in some]
        labels = torch.tensor([row["label"] for row in some])
        yield {"input_ids": torch.tensor(filled), "attention_mask": torch.tensor(mask), "labels": labels}


if __name__ == "__main__":
    main()
