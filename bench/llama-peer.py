"""Writes a base of the llama family and random adapters as GGUF files, for bench/llama-peer.mjs.

    python bench/llama-peer.py --base DIR --output DIR [--type q4_0] [--adapters 8] [--rank 16]

Needs Python with numpy, gguf and safetensors; it is for measuring only, nothing of Espalier uses it.
The vocabulary is made up, as llama.cpp needs one: the peer is fed with token ids.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy
from safetensors.numpy import load_file

LINEAR = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True, type=Path)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--type", default="q4_0", choices=["q4_0", "q8_0", "f32"])
    parser.add_argument("--adapters", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    config = json.loads((options.base / "config.json").read_text())
    weights = {name: value for file in sorted(options.base.glob("*.safetensors")) for name, value in load_file(file).items()}
    write_base(options, config, weights)
    for place in range(options.adapters):
        write_adapter(options, config, weights, place)


def write_base(options, config, weights):
    kind = getattr(gguf.GGMLQuantizationType, options.type.upper())
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    writer = gguf.GGUFWriter(options.output / "base.gguf", "llama")
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    writer.add_vocab_size(config["vocab_size"])
    add_vocabulary(writer, config["vocab_size"])

    def add(name, value, quantized=True):
        value = value.astype(numpy.float32)
        if not quantized or value.ndim == 1:
            return writer.add_tensor(name, value)
        writer.add_tensor(name, gguf.quants.quantize(value, kind), raw_dtype=kind)

    add("token_embd.weight", weights["model.embed_tokens.weight"])
    add("output_norm.weight", weights["model.norm.weight"])
    add("output.weight", weights.get("lm_head.weight", weights["model.embed_tokens.weight"]))
    for layer in range(config["num_hidden_layers"]):
        source, target = f"model.layers.{layer}", f"blk.{layer}"
        add(f"{target}.attn_norm.weight", weights[f"{source}.input_layernorm.weight"])
        add(f"{target}.ffn_norm.weight", weights[f"{source}.post_attention_layernorm.weight"])
        for name, short in LINEAR.items():
            value = weights[f"{source}.{name}.weight"]
            if short in ("attn_q", "attn_k"):
                value = neighbours(value, heads if short == "attn_q" else kv_heads)
            add(f"{target}.{short}.weight", value)
    finish(writer)


def add_vocabulary(writer, size):
    """Three special tokens, the 256 bytes, and names."""
    special = ["<unk>", "<s>", "</s>"]
    tokens = special + [f"<0x{byte:02X}>" for byte in range(256)]
    types = [2, 3, 3] + [6] * 256
    names = [f"t{place}" for place in range(size - len(tokens))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens + names)
    writer.add_token_types(types + [1] * len(names))
    writer.add_token_scores([-float(place) for place in range(size)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def write_adapter(options, config, weights, place):
    random = numpy.random.default_rng(place)
    writer = gguf.GGUFWriter(options.output / f"adapter-{place}.gguf", "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0 * options.rank)
    for layer in range(config["num_hidden_layers"]):
        for name, short in LINEAR.items():
            out, width = weights[f"model.layers.{layer}.{name}.weight"].shape
            for part, shape in (("lora_a", (options.rank, width)), ("lora_b", (out, options.rank))):
                value = random.uniform(-0.02, 0.02, shape).astype(numpy.float32)
                writer.add_tensor(f"blk.{layer}.{short}.weight.{part}", value)
    finish(writer)


def neighbours(value, heads):
    """llama.cpp rotates neighbouring coordinates: the rows of each head's two halves take turns."""
    out, width = value.shape
    return value.reshape(heads, 2, out // heads // 2, width).swapaxes(1, 2).reshape(out, width)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
