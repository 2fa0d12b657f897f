"""CropNet and the Bi-GRU in plain PyTorch, to compare speed with; PyTorch is loaded when one is built."""

from __future__ import annotations

from typing import Any


def of(name: str, options: Any) -> Any:
    """The peer of one of our networks, in training mode."""
    return _bigru(options) if name.startswith("bigru") else _cropnet(options)


def _cropnet(options: Any) -> Any:
    """CropNet as its paper has it: (batch, 1, bands, steps) to logits."""
    from torch import nn

    widths, strides = {"v1": ((64, 128, 256, 512), (1, 2, 1, 2)), "v3": ((128,) * 4, (2, 1, 1, 1))}[options.variant]
    parts, depth = [], 1
    for width, stride, dropped in zip(widths, strides, options.dropout, strict=True):
        for before, step in ((depth, stride), (width, 1)):
            parts += [nn.Conv2d(before, width, 3, step, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        parts.append(nn.Dropout2d(dropped))
        depth = width
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(depth, options.classes))


def _bigru(options: Any) -> Any:
    """The Bi-GRU with attention: (batch, steps, features) to logits."""
    from torch import nn

    class BiGRU(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            parts, depth = [], options.features
            for width in (64, 128, 128):
                parts += [nn.Conv1d(depth, width, 7, padding=3), nn.BatchNorm1d(width), nn.ReLU(inplace=True)]
                depth = width
            self.convolutions = nn.Sequential(*parts)
            self.dropout = nn.Dropout(options.dropout)
            # Its dropout lies between the two layers.
            self.recurrence = nn.GRU(128, 64, num_layers=2, bidirectional=True, batch_first=True,
                                     dropout=options.dropout)
            self.score = nn.Sequential(nn.Linear(128, 128), nn.Tanh(), nn.Linear(128, 1, bias=False))
            self.head = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                                      nn.Linear(64, options.classes))

        def forward(self, series: Any) -> Any:
            found = self.dropout(self.convolutions(series.transpose(1, 2)).transpose(1, 2))
            features, _ = self.recurrence(found)
            return self.head((features * self.score(features).softmax(dim=1)).sum(dim=1))

    return BiGRU()
