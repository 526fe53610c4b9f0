"""Exports three small networks with every operator set that torch.onnx knows, for test/old-opsets.ort.test.ts.

Made with Python 3.11, PyTorch 2.13.0 and onnx 1.23.1, by `python make-models.py` in this folder. The weights of a network are the same in
all its files.
"""

import io
import warnings

import torch
from torch import nn
from torch.nn import functional as f

warnings.filterwarnings("ignore")


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.drop, self.fc2 = nn.Linear(6, 8), nn.Dropout(0.1), nn.Linear(8, 3)

    def forward(self, x):
        return self.fc2(self.drop(torch.clamp(f.gelu(self.fc1(x)), -0.5, 2.0)))


class Cnn(nn.Module):
    """With padding, upsampling, a split and a mean over the image: each changed its form between the operator sets."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.norm, self.up, self.fc = nn.BatchNorm2d(4), nn.Upsample(scale_factor=2, mode="nearest"), nn.Linear(8, 4)

    def forward(self, x):
        x = torch.max_pool2d(f.relu6(self.norm(self.conv1(x))), 2)
        x = torch.relu(self.conv2(self.up(f.pad(x, (1, 1, 1, 1)))))
        left, right = torch.split(x, [3, 5], dim=1)
        return torch.log_softmax(self.fc(torch.cat([right, left], dim=1).mean(dim=(2, 3))), dim=-1)


class Layer(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(size, size) for _ in range(4))
        self.up, self.down = nn.Linear(size, 2 * size), nn.Linear(2 * size, size)
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)

    def forward(self, x, bias):
        batch, tokens, size = x.shape
        split = lambda y: y.view(batch, tokens, self.heads, size // self.heads).transpose(1, 2)
        query, key, value = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(query @ key.transpose(-1, -2) / (size // self.heads) ** 0.5 + bias, dim=-1)
        x = self.norm1(x + self.out((weights @ value).transpose(1, 2).reshape(batch, tokens, size)))
        return self.norm2(x + self.down(f.gelu(self.up(x))))


class Encoder(nn.Module):
    def __init__(self, size=8):
        super().__init__()
        self.words, self.positions, self.norm = nn.Embedding(20, size), nn.Embedding(16, size), nn.LayerNorm(size)
        self.layers = nn.ModuleList([Layer(size, 2)])
        self.classifier = nn.Linear(size, 3)

    def forward(self, input_ids, attention_mask):
        places = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        x = self.norm(self.words(input_ids) + self.positions(places))
        bias = (1.0 - attention_mask.unsqueeze(1).unsqueeze(2).float()) * -1e4
        for layer in self.layers:
            x = layer(x, bias)
        return self.classifier(torch.tanh(x[:, 0]))


torch.manual_seed(9)
batch, rows = {0: "batch"}, {0: "batch", 1: "seq"}
ids = torch.randint(0, 20, (2, 7))
networks = {
    "mlp": (Mlp(), (torch.randn(2, 6),), {"x": batch}),
    "cnn": (Cnn(), (torch.randn(2, 1, 8, 8),), {"x": batch}),
    "encoder": (Encoder(), (ids, torch.ones_like(ids)), {"input_ids": rows, "attention_mask": rows}),
}
for name, (network, example, axes) in networks.items():
    network.eval()
    for opset in (9, 11, 13, 17, 18):
        file = io.BytesIO()
        torch.onnx.export(network, example, file, opset_version=opset, input_names=list(axes), output_names=["logits"],
                          dynamic_axes={**axes, "logits": batch}, dynamo=False)
        with open(f"{name}-{opset}.onnx", "wb") as out:
            out.write(file.getvalue())
