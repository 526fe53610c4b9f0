#!/usr/bin/env bash
# torch.onnx: the exported convolution carries the name of the trained weight and other numbers.
#
# Packages: torch 2.13.0, onnx 1.23.1, onnxscript 0.7.2, numpy 2.4.6.
# Expected: an initializer named "0.weight" holds what `state_dict()["0.weight"]` holds.
# Seen: with its defaults, `torch.onnx.export` (dynamo=True) folds a BatchNormalization in
#   evaluation mode into the convolution before it. The product is stored under the
#   convolution's old name; the batch normalization's parameters are gone.
# Why it matters: whoever matches an ONNX file with a checkpoint by names (to add an adapter, to
#   update weights, to compare two versions) finds the name and gets another tensor. An adapter
#   that was trained on the unfused network means something else on the fused one.
#   `optimize=False` keeps both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'torch==2.13.0' 'onnx==1.23.1' 'onnxscript==0.7.2' 'numpy==2.4.6'
cd "$folder"
venv/bin/python - <<'PYTHON'
import contextlib
import io
import sys

import onnx
import torch
from onnx import numpy_helper

torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).eval()
network[1].running_var.fill_(4.0)


def export(**options):
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(network, (torch.randn(1, 3, 8, 8),), "network.onnx", dynamo=True, external_data=False, **options)
    graph = onnx.load("network.onnx").graph
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return [node.op_type for node in graph.node], weights


trained = network.state_dict()["0.weight"].numpy()
operators, weights = export()
print("torch", torch.__version__, "| onnx", onnx.__version__)
print('expected: the initializer "0.weight" equals state_dict()["0.weight"]')
print("seen: operators", operators, "| initializers", sorted(weights))
ratio = float((weights["0.weight"] / trained).mean()) if "0.weight" in weights else float("nan")
print(f'seen: "0.weight" in the file is {ratio:.4f} of "0.weight" in the network (1 / sqrt(4) = 0.5)')
kept, unfused = export(optimize=False)
print("with optimize=False: operators", kept)
if not abs(ratio - 0.5) < 0.01:
    sys.exit("CHANGED: the name is gone or holds the trained weight")
print("The finding holds.")
PYTHON
