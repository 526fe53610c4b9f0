"""Writes small graphs with operators in their old versions, for the upgrades of src/models/onnx/upgrade.

Made with Python 3.11, onnx 1.23.1 and numpy 2.4.6, by `python make-operators.py > operators.json`: each graph by its name, in base64.
Inputs are f32 of fixed shape; the test gives them numbers. Integer inputs and weights are in the graph.
"""

import base64
import json
import random

import numpy as np
from onnx import TensorProto, helper, numpy_helper

graphs = {}
numbers = np.random.RandomState(5)


def value(name, shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def write(name, opset, nodes, inputs, outputs, constants=None):
    initializers = [numpy_helper.from_array(np.asarray(data), key) for key, data in (constants or {}).items()]
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=4 if opset < 11 else 7)
    graphs[f"{name}-{opset}"] = base64.b64encode(model.SerializeToString()).decode()


def one(name, opset, op, shape=(2, 3, 4), constants=None, outputs=1, inputs=None, types=None, **attributes):
    """A graph of one node; its inputs are x and the constants, in this order."""
    names = inputs or ["x", *(constants or {})]
    results = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(op, names, results, name=op.lower(), **attributes)
    infos = [value(r, None, (types or {}).get(r, TensorProto.FLOAT)) for r in results]
    write(name, opset, [node], [value("x", shape)], infos, constants)


f32 = lambda *shape: numbers.standard_normal(shape).astype(np.float32)
i64 = lambda *items: np.array(items, np.int64)

one("slice", 9, "Slice", starts=[0, 1], ends=[1, 3], axes=[0, 2])
one("slice-first-axes", 9, "Slice", starts=[0, -2], ends=[9, 3])
one("topk", 9, "TopK", outputs=2, types={"y1": TensorProto.INT64}, k=2, axis=1)
one("topk", 10, "TopK", constants={"k": i64(3)}, outputs=2, types={"y1": TensorProto.INT64})
one("clip", 9, "Clip", min=-0.5, max=0.25)
one("clip-below", 10, "Clip", min=-0.5)
one("clip-nothing", 9, "Clip")
one("pad-constant", 9, "Pad", pads=[0, 1, 2, 0, 0, 1], value=1.5)
one("pad-default", 10, "Pad", pads=[1, 0, 0, 0, 0, 0])
one("pad-reflect", 9, "Pad", shape=(1, 1, 4, 4), pads=[0, 0, 1, 2, 0, 0, 2, 1], mode="reflect")
one("pad-edge", 9, "Pad", shape=(1, 1, 4, 4), pads=[0, 0, 1, 2, 0, 0, 2, 1], mode="edge")
for opset in (9, 13):
    norm = {"scale": f32(3), "bias": f32(3), "mean": f32(3), "var": np.abs(f32(3)) + 0.5}
    one("batch-norm", opset, "BatchNormalization", shape=(2, 3, 4), constants=norm, epsilon=1e-3)
for op in ("Softmax", "LogSoftmax", "Hardmax"):
    one(f"{op.lower()}-default", 9, op)
    for axis in (0, 1, 2):
        one(f"{op.lower()}-{axis}", 11, op, axis=axis)
    for axis in (-1, -2):
        one(f"{op.lower()}-{axis}", 12, op, axis=axis)
    one(f"{op.lower()}-1", 13, op, axis=1)
one("squeeze", 9, "Squeeze", shape=(1, 3, 1), axes=[0])
one("squeeze-all", 11, "Squeeze", shape=(1, 3, 1))
one("unsqueeze", 12, "Unsqueeze", axes=[0, 3])
for op in "Sum Mean Max Min Prod L1 L2 LogSumExp SumSquare".split():
    one(f"reduce-{op.lower()}", 9, f"Reduce{op}", axes=[1], keepdims=0)
    one(f"reduce-{op.lower()}-all", 11, f"Reduce{op}")
    if op != "Sum":
        one(f"reduce-{op.lower()}", 17, f"Reduce{op}", axes=[-1, 0])
one("reduce-logsum", 9, "ReduceLogSum", shape=(1, 2, 1), axes=[0])
one("split", 9, "Split", outputs=2, axis=1, split=[1, 2])
one("split-even", 11, "Split", outputs=2, axis=2)
one("split-even", 17, "Split", outputs=3, axis=1)
image = (1, 2, 4, 4)
scales = lambda *s: {"scales": np.array(s, np.float32)}
for mode in ("nearest", "linear"):
    one(f"upsample-{mode}", 9, "Upsample", shape=image, constants=scales(1, 1, 2, 1.5), mode=mode)
    one(f"resize-{mode}", 10, "Resize", shape=image, constants=scales(1, 1, 2, 1.5), mode=mode)
    one(f"resize-smaller-{mode}", 10, "Resize", shape=image, constants=scales(1, 1, 0.5, 0.75), mode=mode)
    one(f"resize-{mode}", 11, "Resize", shape=image, constants={"roi": f32(0), **scales(1, 1, 2, 1.5)}, mode=mode)
    sizes = {"roi": f32(0), "none": f32(0), "sizes": i64(1, 2, 3, 7)}
    one(f"resize-sizes-{mode}", 11, "Resize", shape=image, constants=sizes, mode=mode,
        coordinate_transformation_mode="align_corners")
    one(f"resize-sizes-{mode}", 13, "Resize", shape=image, inputs=["x", "", "", "sizes"], constants={"sizes": i64(1, 2, 3, 7)},
        mode=mode)
one("resize-halves", 11, "Resize", shape=image, constants={"roi": f32(0), **scales(1, 1, 2, 2)}, mode="nearest",
    coordinate_transformation_mode="tf_half_pixel_for_nn", nearest_mode="floor")
one("resize-cubic", 11, "Resize", shape=image, constants={"roi": f32(0), **scales(1, 1, 2, 2)}, mode="cubic")
one("scatter", 9, "Scatter", shape=(3, 3), constants={"at": np.array([[1, 0, 2]]), "put": f32(1, 3)}, axis=0)
one("roi-align", 10, "RoiAlign", shape=(1, 1, 6, 6),
    constants={"rois": np.array([[0, 0, 3, 3], [1, 1, 5, 4]], np.float32), "rows": i64(0, 0)}, output_height=2, output_width=2)
one("gemm", 9, "Gemm", shape=(2, 3), constants={"w": f32(4, 3), "b": f32(4)}, transB=1, alpha=0.5)
one("gemm-no-bias", 11, "Gemm", shape=(2, 3), constants={"w": f32(3, 4)})
one("max-pool", 9, "MaxPool", shape=image, kernel_shape=[2, 2], strides=[2, 2])
one("average-pool", 9, "AveragePool", shape=image, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
one("lp-pool", 11, "LpPool", shape=image, kernel_shape=[2, 2], p=2)
one("conv-transpose", 9, "ConvTranspose", shape=image, constants={"w": f32(2, 3, 2, 2)}, strides=[2, 2])
one("depth-to-space", 9, "DepthToSpace", shape=(1, 4, 2, 2), blocksize=2)
one("p-relu", 9, "PRelu", constants={"slope": f32(4)})
one("pow", 9, "Pow", constants={"exponent": np.array(2, np.float32)})
one("arg-max", 9, "ArgMax", types={"y0": TensorProto.INT64}, axis=1, keepdims=0)
one("gather-nd", 11, "GatherND", constants={"at": np.array([[0, 1], [1, 2]], np.int64)})
one("instance-norm", 9, "InstanceNormalization", constants={"scale": f32(3), "bias": f32(3)})
one("lstm", 9, "LSTM", shape=(3, 2, 4), constants={"w": f32(1, 8, 4), "r": f32(1, 8, 2)}, outputs=1, hidden_size=2)
write("dropout", 9, [helper.make_node("Dropout", ["x"], ["y", "mask"], ratio=0.4)], [value("x", (2, 3))], [value("y", None)])
write("dropout", 11, [helper.make_node("Dropout", ["x"], ["d"], ratio=0.4), helper.make_node("Neg", ["d"], ["y"])],
      [value("x", (2, 3))], [value("y", None)])


def branch(name, *nodes):
    return helper.make_graph(list(nodes), name, [], [value(nodes[-1].output[0], None)])


def branches(opset):
    then = branch("then", helper.make_node("Softmax", ["x"], ["a"], axis=1))
    other = branch("other", helper.make_node("LogSoftmax", ["x"], ["b"], axis=0))
    write("if", opset, [
        helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=0),
        helper.make_node("Greater", ["largest", "limit"], ["is"]),
        helper.make_node("If", ["is"], ["y"], then_branch=then, else_branch=other),
    ], [value("x", (2, 3, 4))], [value("y", None)], {"limit": np.array(0.1, np.float32)})


branches(9)
branches(12)


def chain(seed, opset):
    """A random chain of operators over tensors of rank 3, without empty axes."""
    draw = random.Random(seed)
    shape, nodes, last = [2, 4, 6], [], "x"

    def node(op, **attributes):
        nonlocal last
        result = f"v{len(nodes)}"
        nodes.append(helper.make_node(op, [last], [result], **attributes))
        last = result

    for _ in range(7):
        kind, axis = draw.choice(["softmax", "log", "mean", "max", "slice", "squeeze", "pad", "clip", "sum", "turn"]), draw.randrange(3)
        if kind == "softmax":
            node("Softmax", axis=axis)
        elif kind == "log":
            node("LogSoftmax", axis=axis)
        elif kind in ("mean", "max", "sum") and shape[axis] > 1:
            node({"mean": "ReduceMean", "max": "ReduceMax", "sum": "ReduceSum"}[kind], axes=[axis], keepdims=1)
            shape[axis] = 1
        elif kind == "slice" and opset < 10 and shape[axis] > 2:
            node("Slice", starts=[1], ends=[shape[axis]], axes=[axis])
            shape[axis] -= 1
        elif kind == "squeeze":
            node("Unsqueeze", axes=[axis])
            node("Squeeze", axes=[axis])
        elif kind == "pad" and opset < 11:
            pads = [draw.randrange(3) for _ in range(6)]
            node("Pad", pads=pads, value=0.25)
            shape = [size + pads[i] + pads[i + 3] for i, size in enumerate(shape)]
        elif kind == "clip" and opset < 11:
            node("Clip", min=-1.0, max=draw.choice([0.5, 1.0]))
        elif kind == "turn":
            node("Transpose", perm=[2, 0, 1])
            shape = [shape[2], shape[0], shape[1]]
    if not nodes:
        node("Identity")
    write(f"chain-{seed}", opset, nodes, [value("x", (2, 4, 6))], [value(last, None)])


for seed in range(12):
    chain(seed, (9, 10, 11, 12)[seed % 4])

print(json.dumps(graphs, indent=0))
