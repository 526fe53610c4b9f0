"""Makes the golden matrices of other tools' formats: random integers, and their floats by each tool's own dequantization formula.

GPTQ: AutoGPTQ 0.7, nn_modules/qlinear/qlinear_cuda_old.py, forward: shift by wf, zeros + 1, mask, scale * (weight - zero).
AWQ:  AutoAWQ 0.2, utils/packing_utils.py, dequantize_gemm: unpack_awq, reverse_awq_order, (weight - zero) * scale.

compressed-tensors 0.10, compressors/quantized_compressors/pack_quantized.py, unpack_from_int32 (minus 2^(bits-1), zero points packed along
rows), and quantization/lifecycle/forward.py, dequantize: (q - zero) * scale.
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
}
for name, tensors in cases.items():
    save_file(tensors, f"{out_dir}/{name}.safetensors")
