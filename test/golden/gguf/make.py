"""Makes the golden cases of GGUF: blocks of every element type with their floats by gguf's own dequantization, and small models that are
written as llama.cpp's converter writes them, with the logits that transformers computes after reading the same file.

python make.py OUT_DIR       (gguf 0.17, transformers 5.18, torch 2.13)
"""
import copy
import json
import os
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as T
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM

out_dir = sys.argv[1]
rng = np.random.default_rng(11)

# --- blocks ---------------------------------------------------------------------------------------------------------------------
halves = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2],
          "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0]}  # fmt: skip
tensors = {}
for name, places in halves.items():
    size, count = gguf.GGML_QUANT_SIZES[T[name]]
    blocks = rng.integers(0, 256, (4, 2 * count)).astype(np.uint8)  # any bits are valid, but for the halves
    for block in range(2):
        for place in places:
            half = rng.uniform(0.001, 0.02, 4).astype(np.float16).view(np.uint8).reshape(4, 2)
            blocks[:, block * count + place : block * count + place + 2] = half
    tensors[f"{name}.blocks"] = blocks
    tensors[f"{name}.expected"] = gguf.dequantize(blocks, T[name]).astype(np.float32)
save_file(tensors, f"{out_dir}/blocks.safetensors")


# --- models ---------------------------------------------------------------------------------------------------------------------
def interleaved(weight, heads):
    """convert_hf_to_gguf.py, LlamaModel.permute."""
    shape = weight.shape
    return weight.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def llama3_factors(theta, dim, factor):
    """convert_hf_to_gguf.py, LlamaModel.generate_extra_tensors."""
    result = []
    for frequency in 1.0 / theta ** (np.arange(0, dim, 2) / dim):
        length = 2 * np.pi / frequency
        if length < 8192 / 4:
            result.append(1)
        elif length > 8192:
            result.append(factor)
        else:
            smooth = (8192 / length - 1) / (4 - 1)
            result.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(result, np.float32)


VOCAB = 96


def write(name, arch, kind, *, hidden=64, inner=96, layers=2, heads=4, kv=2, dim=16, tied=False, bias=False, norms=(), gemma=False, keys={}, packed=False, factors=None, split=0):
    """kind(name) is the element type of a matrix. split: the most tensors of a part."""
    writer = gguf.GGUFWriter(f"{out_dir}/{name}.gguf", arch, split_max_tensors=split)
    writer.add_context_length(128)
    writer.add_embedding_length(hidden)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(inner)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv)
    writer.add_key_length(dim)
    writer.add_value_length(dim)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(20000.0)
    writer.add_vocab_size(VOCAB)
    for key, value in keys.items():
        (writer.add_uint32 if isinstance(value, int) else writer.add_float32 if isinstance(value, float) else writer.add_string)(f"{arch}.{key}", value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    tokens = [f"t{i}" for i in range(VOCAB)]
    writer.add_token_list(tokens)
    writer.add_token_types([1] * VOCAB)
    writer.add_token_merges([])
    writer.add_chat_template("{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}")
    writer.add_eos_token_id(2)
    writer.add_bos_token_id(1)

    def add(tensor_name, values):
        values = np.ascontiguousarray(values, np.float32)
        element = T.F32 if values.ndim == 1 else T[kind(tensor_name)]
        if element in (T.Q4_K, T.Q6_K):  # gguf has no quantizer of these: any bits, with small halves
            size, count = gguf.GGML_QUANT_SIZES[element]
            blocks = rng.integers(0, 256, (values.shape[0], values.shape[1] // size, count)).astype(np.uint8)
            scale = 0.0003 if element == T.Q4_K else 0.00002 if tensor_name == "output.weight" else 0.00008
            for place in halves[element.name]:
                half = rng.uniform(scale / 2, scale, blocks.shape[:2]).astype(np.float16)
                blocks[:, :, place : place + 2] = half.view(np.uint8).reshape(*blocks.shape[:2], 2)
            writer.add_tensor(tensor_name, blocks.reshape(values.shape[0], -1), raw_dtype=element)
        elif element == T.F32:
            writer.add_tensor(tensor_name, values)
        elif element == T.F16:
            writer.add_tensor(tensor_name, values.astype(np.float16))
        else:
            writer.add_tensor(tensor_name, gguf.quantize(values, element), raw_dtype=element)

    def matrix(rows, columns):
        return rng.normal(0, 0.6 / np.sqrt(columns), (rows, columns))

    def norm(width):
        return 1 + rng.normal(0, 0.2, width)

    add("token_embd.weight", rng.normal(0, 0.05 if gemma else 0.6, (VOCAB, hidden)))
    add("output_norm.weight", norm(hidden))
    if not tied:
        add("output.weight", matrix(VOCAB, hidden))
    if factors is not None:
        add("rope_freqs.weight", factors)
    for layer in range(layers):
        at = f"blk.{layer}."
        for part in ("attn_norm", "ffn_norm", *norms):
            add(f"{at}{part}.weight", norm(dim if part in ("attn_q_norm", "attn_k_norm") else hidden))
        turn = interleaved if arch == "llama" else lambda weight, heads: weight
        if packed:
            add(f"{at}attn_qkv.weight", matrix((heads + 2 * kv) * dim, hidden))
            add(f"{at}ffn_up.weight", matrix(2 * inner, hidden))
        else:
            for part, count in (("attn_q", heads), ("attn_k", kv), ("attn_v", kv)):
                turned = turn if part != "attn_v" else lambda weight, heads: weight
                add(f"{at}{part}.weight", turned(matrix(count * dim, hidden), count))
                if bias:
                    add(f"{at}{part}.bias", turned(rng.normal(0, 0.3, count * dim), count))
            add(f"{at}ffn_gate.weight", matrix(inner, hidden))
            add(f"{at}ffn_up.weight", matrix(inner, hidden))
        add(f"{at}attn_output.weight", matrix(hidden, heads * dim))
        add(f"{at}ffn_down.weight", matrix(hidden, inner))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def q4_k_m(name):
    return "Q6_K" if name in ("token_embd.weight", "output.weight") or "ffn_down" in name or "attn_v" in name else "Q4_K"


expected = {}


def reference(name, **settings):
    """settings: what transformers does not read of GGUF."""
    config = AutoConfig.from_pretrained(out_dir, gguf_file=f"{name}.gguf")
    for key, value in settings.items():
        setattr(config, key, value)
    model, found = AutoModelForCausalLM.from_pretrained(
        out_dir, gguf_file=f"{name}.gguf", config=config, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)  # fmt: skip
    wrong = {kind: names for kind, names in found.items() if names and not set(names) <= {"lm_head.weight"}}
    assert not wrong, wrong
    assert all(getattr(model.config, key) == value for key, value in settings.items())
    ids = torch.from_numpy(np.random.default_rng(3).integers(3, VOCAB, (1, 40)))
    with torch.no_grad():
        expected[f"{name}.logits"] = model.eval()(ids).logits[0].numpy()
        more = ids
        for _ in range(8):
            more = torch.cat([more, model(more).logits[:, -1:].argmax(-1)], 1)
    expected[f"{name}.greedy"] = more[0, ids.shape[1] :].numpy().astype(np.int64)
    expected["input_ids"] = ids[0].numpy().astype(np.int64)
    print(name, json.dumps({k: v for k, v in model.config.to_dict().items() if "rope" in k or "scal" in k or "window" in k or "cap" in k}))


write("llama-q4_k", "llama", q4_k_m, hidden=256, inner=256, layers=1, dim=64, kv=1, keys={"rope.dimension_count": 64})
reference("llama-q4_k")
write("llama-q8_0", "llama", lambda name: "Q8_0", inner=64, keys={"rope.dimension_count": 16}, factors=llama3_factors(20000.0, 16, 8.0))
reference("llama-q8_0", rope_parameters={
    "rope_type": "llama3", "rope_theta": 20000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
})  # fmt: skip
write("qwen2-q8_0", "qwen2", lambda name: "Q8_0", bias=True)
reference("qwen2-q8_0")
write("qwen3-q4_0", "qwen3", lambda name: "Q4_0" if "blk" in name else "Q8_0", dim=32, tied=True, norms=("attn_q_norm", "attn_k_norm"))
reference("qwen3-q4_0", head_dim=32)
gemma = {"hidden": 32, "inner": 32, "heads": 2, "kv": 1, "tied": True, "gemma": True}
write("gemma2-bf16", "gemma2", lambda name: "BF16", **gemma, norms=("post_attention_norm", "post_ffw_norm"),
      keys={"attention.sliding_window": 6, "attn_logit_softcapping": 0.5, "final_logit_softcapping": 2.0})  # fmt: skip
reference("gemma2-bf16", head_dim=16, query_pre_attn_scalar=16, sliding_window=6, attn_logit_softcapping=0.5, final_logit_softcapping=2.0)
write("gemma3-f16", "gemma3", lambda name: "F16", **gemma, layers=6,
      norms=("attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm"),
      keys={"attention.sliding_window": 6, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0})  # fmt: skip
turns = {"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 20000.0},
         "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}  # fmt: skip
reference("gemma3-f16", head_dim=16, query_pre_attn_scalar=16, rope_parameters=turns)
write("phi3-q8_0", "phi3", lambda name: "Q8_0", heads=4, kv=4, packed=True, keys={"rope.dimension_count": 16})
reference("phi3-q8_0", pad_token_id=None)
state = copy.deepcopy(rng.bit_generator.state)
for split in (0, 8):
    rng.bit_generator.state = state
    write("split", "qwen2", lambda name: "Q8_0", hidden=32, inner=32, heads=2, kv=1, bias=True, split=split)
    if split == 0:
        reference("split")
        os.remove(f"{out_dir}/split.gguf")
save_file(expected, f"{out_dir}/expected.safetensors")
