#!/usr/bin/env bash
# ONNX Runtime: all dequantized weights of a graph are computed before its first layer runs.
#
# Packages: onnxruntime 1.30.0, onnx 1.23.1, numpy 2.4.6 (CPU).
# Expected: a DequantizeLinear whose result one layer reads runs just before this layer, and its
#   result is freed after it, so that one weight at a time lies there as floats. This is what the
#   order of the nodes in the file says.
# Seen: DequantizeLinear nodes are not folded at load, and depend on no input, so the default
#   order of execution puts all of them first. All weights of the model lie there as floats at
#   once, from the start of each run.
# Why it matters: a model that was quantized so that it fits needs the memory of the unquantized
#   one (where no fused kernel takes the pair, as in a backward pass). A false dependency of the
#   scale on the layer's input restores the order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'onnxruntime==1.30.0' 'onnx==1.23.1' 'numpy==2.4.6'
cd "$folder"
venv/bin/python - <<'PYTHON'
import json
import sys

import numpy
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

LAYERS, SIZE = 6, 64
random = numpy.random.default_rng(0)
nodes, constants, x = [], [], "x"
for i in range(LAYERS):
    weight = random.integers(-128, 128, (SIZE, SIZE)).astype(numpy.int8)
    constants += [numpy_helper.from_array(weight, f"q{i}"), numpy_helper.from_array(numpy.float32(0.01), f"s{i}")]
    nodes += [
        helper.make_node("DequantizeLinear", [f"q{i}", f"s{i}"], [f"w{i}"], name=f"dequantize{i}"),
        helper.make_node("Add", [x, f"w{i}"], [f"a{i}"], name=f"add{i}"),
        helper.make_node("ReduceMean", [f"a{i}"], [f"y{i}"], name=f"mean{i}"),
    ]
    x = f"y{i}"
graph = helper.make_graph(
    nodes, "graph",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1])],
    [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, 1])], constants,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
options = onnxruntime.SessionOptions()
options.enable_profiling = True
session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
session.run(None, {"x": numpy.zeros((1, 1), numpy.float32)})
with open(session.end_profiling(), encoding="utf-8") as file:
    events = [event["name"] for event in json.load(file)]
order = [name.removesuffix("_kernel_time") for name in events if name.endswith("_kernel_time")]

print("onnxruntime", onnxruntime.__version__)
print("expected: dequantize0 add0 mean0 dequantize1 add1 mean1 ...")
print("seen:", *order)
if not all(name.startswith("dequantize") for name in order[:LAYERS]):
    sys.exit("CHANGED: the dequantizing nodes do not all run first")
print("The finding holds.")
PYTHON
