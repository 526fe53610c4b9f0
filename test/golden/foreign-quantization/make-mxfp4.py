"""Makes the golden matrix of MXFP4: every byte twice, and its floats by transformers 5.18 (integrations/mxfp4.py)."""
import sys
import torch
from safetensors.torch import save_file
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

g = torch.Generator().manual_seed(7)
blocks = torch.arange(512)[torch.randperm(512, generator=g)].remainder(256).to(torch.uint8).reshape(1, 16, 2, 16)
scales = torch.linspace(2, 251, 32).round().to(torch.uint8)[torch.randperm(32, generator=g)].reshape(1, 16, 2)
expected = convert_moe_packed_tensors(blocks, scales)[0].T.float().contiguous()
save_file(dict(blocks=blocks, scales=scales, expected=expected), f'{sys.argv[1]}/mxfp4.safetensors')
