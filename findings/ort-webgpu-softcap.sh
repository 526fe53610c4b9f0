#!/usr/bin/env bash
# ONNX Runtime's WebGPU provider: GroupQueryAttention leaves out `softcap`, without an error.
#
# Packages: onnxruntime-node 1.30.0, onnx 1.23.1. It needs a Vulkan driver. On Debian 12 without a GPU:
#   apt-get install libvulkan1 chromium-common
#   VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json bash findings/ort-webgpu-softcap.sh
# Expected: scores are capped as on the CPU, softcap * tanh(score / softcap), or the model is refused.
# Seen: the model runs, and its result is exactly the one without the attribute. The CPU caps.
# Why it matters: Gemma 2 caps the scores of its attention. On WebGPU it gives other tokens, and
#   nothing says so. Such nodes can be kept on the CPU by the provider's option forceCpuNodeNames.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$folder} ORT_DISABLE_TELEMETRY=1
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'onnx==1.23.1'
cd "$folder"
echo '{ "private": true, "type": "module" }' >package.json
ONNXRUNTIME_NODE_INSTALL=skip npm install --silent --no-audit --no-fund onnxruntime-node@1.30.0
venv/bin/python - <<'PYTHON'
from onnx import TensorProto, helper, save

HEADS, SIZE, PAST, TOTAL = 2, 16, 3, 4


def attention(softcap):
    names = ["q", "k", "v", "past_k", "past_v", "last", "total"]
    shapes = {n: [1, 1, HEADS * SIZE] for n in "qkv"} | {n: [1, HEADS, PAST, SIZE] for n in ("past_k", "past_v")}
    inputs = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shapes[n]) if n in shapes
        else helper.make_tensor_value_info(n, TensorProto.INT32, [1])
        for n in names
    ]
    node = helper.make_node(
        "GroupQueryAttention", names, ["y", "k_out", "v_out"], domain="com.microsoft",
        num_heads=HEADS, kv_num_heads=HEADS, softcap=softcap,
    )
    kept = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, HEADS, TOTAL, SIZE]) for n in ("k_out", "v_out")]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, HEADS * SIZE]), *kept]
    graph = helper.make_graph([node], "graph", inputs, outputs)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


save(attention(0.0), "plain.onnx")
save(attention(1.0), "capped.onnx")
PYTHON
cat >run.mjs <<'NODE'
import ort from 'onnxruntime-node';
const { HEADS, SIZE, PAST } = { HEADS: 2, SIZE: 16, PAST: 3 };
const numbers = (count, place) => Float32Array.from({ length: count }, (_, i) => 2 * Math.sin(1 + place + 1.7 * i));
const float = (place, ...dims) => new ort.Tensor('float32', numbers(dims.reduce((a, b) => a * b), place), dims);
const int = (value) => new ort.Tensor('int32', Int32Array.of(value), [1]);
const feeds = {
  q: float(0, 1, 1, HEADS * SIZE), k: float(1, 1, 1, HEADS * SIZE), v: float(2, 1, 1, HEADS * SIZE),
  past_k: float(3, 1, HEADS, PAST, SIZE), past_v: float(4, 1, HEADS, PAST, SIZE), last: int(PAST), total: int(PAST + 1),
};
async function attend(file, provider) {
  const session = await ort.InferenceSession.create(file, { executionProviders: [provider], logSeverityLevel: 4 });
  const { y } = await session.run(feeds, ['y', 'k_out', 'v_out']);
  return [...y.data];
}
const farthest = (a, b) => Math.max(...a.map((value, i) => Math.abs(value - b[i])));
const [plain, capped] = [await attend('plain.onnx', 'cpu'), await attend('capped.onnx', 'cpu')];
const [onDevice, cappedOnDevice] = [await attend('plain.onnx', 'webgpu'), await attend('capped.onnx', 'webgpu')];
console.log(`onnxruntime-node ${ort.env.versions.node}`);
console.log('expected: with softcap 1 the result of WebGPU is that of the CPU, and another one than without a cap');
console.log(`seen: on the CPU the cap changes the result by ${farthest(plain, capped).toExponential(1)}`);
console.log(`seen: on WebGPU the cap changes the result by ${farthest(onDevice, cappedOnDevice).toExponential(1)}`);
console.log(`seen: without a cap the providers differ by ${farthest(plain, onDevice).toExponential(1)}, with it by ${farthest(capped, cappedOnDevice).toExponential(1)}`);
const holds = farthest(plain, capped) > 1e-2 && farthest(plain, onDevice) < 1e-4 && farthest(onDevice, cappedOnDevice) === 0;
if (!holds) {
  console.log('CHANGED: WebGPU applies the cap, or differs in another way');
  process.exitCode = 1;
} else console.log('The finding holds.');
NODE
node run.mjs
