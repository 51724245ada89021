import torch

from perceiver_cli.adapters.image import ImageAdapter
from perceiver_cli.preparation.image import ImageRecipe
from perceiver_cli.training.augment.image import to_luma


def test_a_picture_without_chroma_is_read_as_its_grey_copy():
    adapter = ImageAdapter(ImageRecipe(size=8))
    pixels = torch.randint(0, 256, (2, 8, 8, 3), dtype=torch.uint8)
    luma = (pixels.float() @ torch.tensor([0.299, 0.587, 0.114])).round().byte()
    grey = adapter.features({"image": luma.unsqueeze(-1).expand(-1, -1, -1, 3)})["image"]
    found = to_luma(adapter.features({"image": pixels})["image"], adapter.recipe)
    torch.testing.assert_close(found, grey, rtol=0, atol=0.5 / 255 / 0.22)
