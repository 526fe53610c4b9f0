"""Makes the golden matrices of other tools' formats: random integers, and their floats by each tool's own dequantization formula.

GPTQ: AutoGPTQ 0.7, nn_modules/qlinear/qlinear_cuda_old.py, forward: shift by wf, zeros + 1, mask, scale * (weight - zero).
AWQ:  AutoAWQ 0.2, utils/packing_utils.py, dequantize_gemm: unpack_awq, reverse_awq_order, (weight - zero) * scale.

compressed-tensors 0.10, compressors/quantized_compressors/pack_quantized.py, unpack_from_int32 (minus 2^(bits-1), zero points packed along
rows), and quantization/lifecycle/forward.py, dequantize: (q - zero) * scale.

bitsandbytes 0.45, csrc/kernels.cu: kDequantizeBlockwise (the first of two codes in the upper half, map * absmax in f32, then the type of the
quantized matrix; nested factors + offset) and kdequant_mm (functional.py, int8_vectorwise_dequant: q * scale * 1/127).
"""
import sys
import numpy as np
from safetensors.numpy import save_file

rng = np.random.default_rng(5)
out_dir = sys.argv[1]
OUT, IN, GROUP = 16, 64, 32


def words(*shape):
    return rng.integers(-(2**31), 2**31, shape, dtype=np.int64).astype(np.int32)


def shifted(tensor, bits, axis):
    shifts = np.arange(0, 32, bits, dtype=np.int64)
    values = np.expand_dims(tensor.astype(np.int64) & 0xFFFFFFFF, axis + 1)
    shape = [1] * values.ndim
    shape[axis + 1] = len(shifts)
    return (values >> shifts.reshape(shape)) & (2**bits - 1)


def scales_of(*shape):
    return rng.uniform(0.001, 0.01, shape).astype(np.float16)


def gptq(bits, offset, shuffled):
    per = 32 // bits
    groups = IN // GROUP
    qweight, qzeros, scales = words(IN // per, OUT), words(groups, OUT // per), scales_of(groups, OUT)
    g_idx = (np.arange(IN) // GROUP).astype(np.int32)
    if shuffled:
        g_idx = rng.permutation(g_idx).astype(np.int32)
    zeros = shifted(qzeros, bits, 1).reshape(groups, OUT)
    zeros = (zeros + offset) & (2**bits - 1)
    weight = shifted(qweight, bits, 0).reshape(IN, OUT)
    values = scales.astype(np.float32)[g_idx] * (weight - zeros[g_idx]).astype(np.float32)
    return dict(qweight=qweight, qzeros=qzeros, scales=scales, g_idx=g_idx, expected=np.ascontiguousarray(values.T))


def awq():
    groups = IN // GROUP
    qweight, qzeros, scales = words(IN, OUT // 8), words(groups, OUT // 8), scales_of(groups, OUT)
    order = np.arange(OUT).reshape(-1, 8)[:, [0, 4, 1, 5, 2, 6, 3, 7]].reshape(-1)
    weight = shifted(qweight, 4, 1).reshape(IN, OUT)[:, order]
    zeros = shifted(qzeros, 4, 1).reshape(groups, OUT)[:, order]
    values = (weight - np.repeat(zeros, GROUP, 0)).astype(np.float32) * np.repeat(scales.astype(np.float32), GROUP, 0)
    return dict(qweight=qweight, qzeros=qzeros, scales=scales, expected=np.ascontiguousarray(values.T))


def compressed(bits, packed):
    groups, middle = IN // GROUP, 2 ** (bits - 1)
    scales = scales_of(OUT, groups)
    tensors = dict(scales=scales)
    if packed:
        per = 32 // bits
        qweight, qzeros = words(OUT, IN // per), words(OUT // per, groups)
        weight = shifted(qweight, bits, 1).reshape(OUT, IN) - middle
        zeros = shifted(qzeros, bits, 0).reshape(OUT, groups) - middle
    else:
        qweight = rng.integers(-128, 128, (OUT, IN)).astype(np.int8)
        qzeros = rng.integers(-128, 128, (OUT, groups)).astype(np.int8)
        weight, zeros = qweight.astype(np.int64), qzeros.astype(np.int64)
    values = (weight - np.repeat(zeros, GROUP, 1)).astype(np.float32) * np.repeat(scales.astype(np.float32), GROUP, 1)
    return dict(qweight=qweight, qzeros=qzeros, scales=scales, expected=values)


def float8():
    """Every byte but NaN, by torch's own conversion, times scales of rectangles (DeepSeek-V3, inference/kernel.py, weight_dequant)."""
    import torch

    packed = torch.arange(256, dtype=torch.uint8).reshape(16, 16)
    packed[packed % 128 == 127] = 0
    scales = rng.uniform(0.1, 2, (3, 2)).astype(np.float32)
    grid = np.repeat(np.repeat(scales, 6, 0), 10, 1)[:16, :16]
    values = packed.view(torch.float8_e4m3fn).float().numpy() * grid
    return dict(qweight=packed.numpy(), scales=scales, expected=values)


NF4 = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
    -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
    0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0,
]  # fmt: skip
FP4 = [0, 0.0052083333, 0.66666667, 1, 0.33333333, 0.5, 0.16666667, 0.25]


def bits_and_bytes(rng, table, dtype, nested):
    """Blocks of 64 over the whole matrix, whose rows are no multiple of them; nested blocks of 4."""
    import torch

    rows, columns, block, outer = 16, 40, 64, 4
    blocks = rows * columns // block
    codes = rng.integers(0, 256, rows * columns // 2).astype(np.uint8)
    quant_map = np.array(table, np.float32)
    tensors = dict(qweight=codes.reshape(-1, 1), quant_map=quant_map)
    if nested:
        absmax, nested_map = rng.integers(0, 256, blocks).astype(np.uint8), np.sort(rng.uniform(-1, 1, 256)).astype(np.float32)
        nested_absmax, offset = rng.uniform(0.01, 0.1, -(-blocks // outer)).astype(np.float32), np.float32(0.043)
        tensors |= dict(absmax=absmax, nested_map=nested_map, nested_absmax=nested_absmax)
        factors = nested_map[absmax] * np.repeat(nested_absmax, outer)[:blocks] + offset
    else:
        factors = rng.uniform(0.01, 0.1, blocks).astype(np.float32)
        tensors["absmax"] = factors
    levels = np.stack([codes >> 4, codes & 15], 1).reshape(-1)
    values = quant_map[levels] * np.repeat(factors, block)
    rounded = torch.from_numpy(values).to(dtype).float().numpy()
    return tensors | dict(expected=rounded.reshape(rows, columns))


def bits_and_bytes_8(rng):
    rows, columns = 16, 40
    levels = rng.integers(-127, 128, (rows, columns)).astype(np.int8)
    scales = rng.uniform(0.5, 2, rows).astype(np.float32)
    values = levels.astype(np.float32) * scales[:, None] * np.float32(1 / 127)
    return dict(qweight=levels, scales=scales, expected=values)


def all_bits_and_bytes():
    import torch

    rng = np.random.default_rng(6)
    fp4 = FP4 + [-x for x in FP4]
    return {
        "nf4": bits_and_bytes(rng, NF4, torch.bfloat16, False),
        "nf4-nested": bits_and_bytes(rng, NF4, torch.float16, True),
        "fp4": bits_and_bytes(rng, fp4, torch.float32, False),
        "int8-rows": bits_and_bytes_8(rng),
    }


cases = {
    "gptq-4": gptq(4, 1, False),
    "gptq-8": gptq(8, 1, False),
    "gptq-4-order": gptq(4, 1, True),
    "gptq_v2-4": gptq(4, 0, False),
    "awq": awq(),
    "packed-4": compressed(4, True),
    "packed-8": compressed(8, True),
    "bytes": compressed(8, False),
    "fp8": float8(),
    **all_bits_and_bytes(),
}
for name, tensors in cases.items():
    save_file(tensors, f"{out_dir}/{name}.safetensors")
