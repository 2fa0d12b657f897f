"""CropNet in plain PyTorch, written for the tests: what it makes of weights and samples that a file gives.

    python torch_cropnet.py VARIANT GIVEN.npz FOUND.npz

GIVEN holds the network's state by PyTorch's names, and `samples` (N, 1, bands, steps), `labels` (N,) and
`class_weights` (C,). FOUND gets `logits` of the network as it predicts; and as it trains, without dropout: the weighted
cross-entropy `loss`, every parameter's gradient as `gradient NAME`, and the means that the norms keep as `mean NAME`.
"""

import sys

import numpy as np
import torch
from torch import nn

CHANNELS = {"v1": (64, 128, 256, 512), "v3": (128, 128, 128, 128)}
STRIDES = {"v1": (1, 2, 1, 2), "v3": (2, 1, 1, 1)}


def convolution(depth: int, width: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(depth, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class CropNet(nn.Module):
    def __init__(self, variant: str, classes: int) -> None:
        super().__init__()
        depth, blocks = 1, []
        for width, stride in zip(CHANNELS[variant], STRIDES[variant], strict=True):
            blocks.append(nn.Sequential(convolution(depth, width, stride), convolution(width, width, 1)))
            depth = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(depth, classes)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(samples).mean(dim=(2, 3)))


def main(variant: str, given_path: str, found_path: str) -> None:
    with np.load(given_path) as file:
        given = {name: torch.from_numpy(file[name]) for name in file.files}
    samples, labels, class_weights = (given.pop(name) for name in ("samples", "labels", "class_weights"))
    network = CropNet(variant, len(class_weights))
    lacking = network.load_state_dict(given, strict=False)
    assert not lacking.unexpected_keys
    assert all(name.endswith("num_batches_tracked") for name in lacking.missing_keys), lacking.missing_keys
    network.eval()
    with torch.no_grad():
        found = {"logits": network(samples).numpy()}
    network.train()
    loss = nn.functional.cross_entropy(network(samples), labels, class_weights)
    loss.backward()
    found["loss"] = loss.detach().numpy()
    found |= {f"gradient {name}": value.grad.numpy() for name, value in network.named_parameters()}
    found |= {f"mean {name.removesuffix('.running_mean')}": value.numpy()
              for name, value in network.named_buffers() if name.endswith("running_mean")}
    np.savez(found_path, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
