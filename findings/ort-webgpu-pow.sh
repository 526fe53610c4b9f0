#!/usr/bin/env bash
# ONNX Runtime's WebGPU provider: Pow refuses to run where an operand is broadcast along a last axis that is a multiple of 4.
#
# Packages: onnxruntime-node 1.30.0, onnx 1.23.1. It needs a Vulkan driver. On Debian 12 without a GPU:
#   apt-get install libvulkan1 chromium-common
#   VK_DRIVER_FILES=/usr/lib/chromium/vk_swiftshader_icd.json bash findings/ort-webgpu-pow.sh
# Expected: the operands are broadcast, as the operator says, or the model is refused when it is opened.
# Seen: the model opens, and its first run fails with "raw_hash_map<>::at". With a last axis of 5, with scalars [] and [1], with operands
#   that are broadcast along other axes, and with Mul in the place of Pow, it runs and gives what the CPU gives.
# Why it matters: rotary frequencies that a graph computes are powers of such shapes. Expanding both operands first is a way around.
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

for op in ("Pow", "Mul"):
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in ("a", "b")]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node(op, ["a", "b"], ["y"])], "graph", inputs, [output])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), f"{op}.onnx")
PYTHON
cat >run.mjs <<'NODE'
import ort from 'onnxruntime-node';
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => 1 + i / 8);
const float = (dims) => new ort.Tensor('float32', numbers(dims.reduce((a, b) => a * b, 1)), dims);
async function compute(op, provider, a, b) {
  const session = await ort.InferenceSession.create(`${op}.onnx`, { executionProviders: [provider], logSeverityLevel: 4 });
  const { y } = await session.run({ a: float(a), b: float(b) });
  return [...y.data];
}
async function seen(op, a, b) {
  const expected = await compute(op, 'cpu', a, b);
  try {
    const found = await compute(op, 'webgpu', a, b);
    const error = Math.max(...found.map((value, i) => Math.abs(value - expected[i]) / expected[i]));
    return error < 1e-4 ? 'right' : `wrong by ${error.toExponential(1)}`;
  } catch (error) {
    return String(error.message).includes('raw_hash_map') ? 'raw_hash_map' : String(error.message);
  }
}
const cases = [
  ['Pow', [1, 1], [1, 4], 'raw_hash_map'],
  ['Pow', [4, 1], [4], 'raw_hash_map'],
  ['Pow', [1, 8], [3, 1], 'raw_hash_map'],
  ['Pow', [3, 1], [1, 5], 'right'],
  ['Pow', [1], [4], 'right'],
  ['Pow', [3, 4], [4], 'right'],
  ['Pow', [3, 4], [3, 4], 'right'],
  ['Mul', [3, 1], [1, 4], 'right'],
];
console.log(`onnxruntime-node ${ort.env.versions.node}`);
console.log('expected: WebGPU gives what the CPU gives');
let holds = true;
for (const [op, a, b, known] of cases) {
  const result = await seen(op, a, b);
  console.log(`seen: ${op} of [${a}] and [${b}]: ${result}`);
  holds &&= result === known;
}
if (!holds) {
  console.log('CHANGED: other shapes fail, or none');
  process.exitCode = 1;
} else console.log('The finding holds.');
NODE
node run.mjs
