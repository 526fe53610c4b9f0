"""The peer: what transformers + PEFT + PyTorch take for the work that bench/*.mjs measures, on the same base.

Needs Python with torch, transformers and peft; it is for measuring only, nothing of Espalier uses it.

    python bench/peft-peer.py train  --base DIR [--dtype float32|bfloat16] [--threads 2]
    python bench/peft-peer.py train  --base DIR --rows FILE --batch 8
    python bench/peft-peer.py train  --base DIR --checkpointing      # activations are computed again, as TRL sets it
    python bench/peft-peer.py decode --base DIR [--dtype float32|bfloat16] [--threads 2] [--batch 8] [--adapters 8]
    python bench/peft-peer.py rounds --base DIR [--dtype float32|bfloat16] [--threads 2] [--batch 8] [--adapters 8] [--steps 32]

Prints one line of JSON. `rounds` answers each line on standard input with one: `batch` rows generated together, `steps` tokens each.
"""

import argparse
import json
import resource
import statistics
import time


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=["train", "decode", "rounds"])
    parser.add_argument("--base", required=True)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--tokens", type=int, default=128, help="tokens of a row (train) or of a prompt (decode)")
    parser.add_argument("--rows", help="JSONL of input_ids and labels, taken in the order of the file")
    parser.add_argument("--adapters", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()

    import torch

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.work == "rounds":
        return rounds(options)
    measure = train if options.work == "train" else decode
    times, extra = measure(options)
    median = statistics.median(times)
    print(
        json.dumps(
            {
                "peer": "peft",
                "work": options.work,
                "dtype": options.dtype,
                "threads": options.threads,
                "medianMs": round(median * 1000, 1),
                "minMs": round(min(times) * 1000, 1),
                "tokensPerSecond": round(extra.pop("tokens") / sum(times), 1),
                "peakRssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
                **extra,
            }
        )
    )


def load(options):
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(options.base, dtype=getattr(torch, options.dtype))


def lora_config(options, init=True):
    from peft import LoraConfig

    modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    return LoraConfig(
        r=options.rank, lora_alpha=2 * options.rank, target_modules=modules, init_lora_weights=init, task_type="CAUSAL_LM"
    )


def train(options):
    """Forward, backward and AdamW on `batch` rows; padding is not counted as tokens."""
    import torch
    from peft import get_peft_model

    model = get_peft_model(load(options), lora_config(options))
    model.train()
    if options.checkpointing:
        # As TRL's trainers do: not reentrant, and without a cache of keys and values.
        model.config.use_cache = False
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=2e-4, weight_decay=0.0)
    batch = options.batch or 4
    times, tokens = [], 0
    for step in range((options.steps or 5) + 1):
        inputs, fed = batch_of(options, step, batch, model.config.vocab_size)
        start = time.perf_counter()
        loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step > 0:
            times.append(time.perf_counter() - start)
            tokens += fed
    return times, {"tokens": tokens, "batch": batch}


def batch_of(options, step, batch, vocabulary):
    """Random rows of one length, or the file's, padded on the right to the longest, as transformers' collator does."""
    import torch

    if options.rows is None:
        ids = torch.randint(5, vocabulary, (batch, options.tokens))
        return {"input_ids": ids, "labels": ids}, ids.numel()
    with open(options.rows) as file:
        rows = [json.loads(line) for line in file][step * batch : (step + 1) * batch]
    longest = max(len(row["input_ids"]) for row in rows)
    pad = lambda values, filler: values + [filler] * (longest - len(values))
    inputs = {
        "input_ids": torch.tensor([pad(row["input_ids"], 0) for row in rows]),
        "attention_mask": torch.tensor([pad([1] * len(row["input_ids"]), 0) for row in rows]),
        "labels": torch.tensor([pad(row["labels"], -100) for row in rows]),
    }
    return inputs, sum(len(row["input_ids"]) for row in rows)


def with_adapters(options):
    """The base, with as many adapters as asked for, and what a call needs so that row i uses adapter i modulo their number."""
    from peft import get_peft_model

    model = load(options)
    names = [f"a{i}" for i in range(options.adapters)]
    if not names:
        return model.eval(), {}
    model = get_peft_model(model, lora_config(options, init=False), adapter_name=names[0])
    for name in names[1:]:
        model.add_adapter(name, lora_config(options, init=False))
    return model.eval(), {"adapter_names": [names[i % len(names)] for i in range(options.batch or 8)]}


def rounds(options):
    """Generates for each line of the input: the prompts as one batch, then one step a token."""
    import sys

    import torch

    model, extra = with_adapters(options)
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        ids = torch.randint(5, model.config.vocab_size, (options.batch or 8, options.tokens))
        start = time.perf_counter()
        first = None
        past, token = None, ids
        with torch.inference_mode():
            for _ in range(options.steps or 32):
                answer = model(input_ids=token, past_key_values=past, use_cache=True, logits_to_keep=1, **extra)
                past, token = answer.past_key_values, answer.logits[:, -1:].argmax(-1)
                first = first or time.perf_counter() - start
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps({"seconds": seconds, "firstMs": 1000 * first, "peakRssMb": peak}), flush=True)


def decode(options):
    """One token more for each of `batch` rows, row i with adapter i modulo the number of adapters."""
    import torch

    batch = options.batch or 8
    model, extra = with_adapters(options)
    times = []
    with torch.inference_mode():
        ids = torch.randint(5, model.config.vocab_size, (batch, options.tokens))
        answer = model(input_ids=ids, use_cache=True, **extra)
        past = answer.past_key_values
        token = answer.logits[:, -1:].argmax(-1)
        for step in range((options.steps or 20) + 2):
            start = time.perf_counter()
            answer = model(input_ids=token, past_key_values=past, use_cache=True, **extra)
            past = answer.past_key_values
            token = answer.logits[:, -1:].argmax(-1)
            if step > 1:
                times.append(time.perf_counter() - start)
    return times, {"tokens": batch * len(times), "batch": batch, "promptTokens": options.tokens, "adapters": options.adapters}


if __name__ == "__main__":
    main()
