from pathlib import Path

import pytest

from perceiver_cli.report.articles import with_article

LABELS = Path(__file__).parents[2] / "weights" / "recipes" / "labels"

# Of the bundled labels, those that take no article.
BARE = {
    *("binoculars", "dishes", "stairs", "sunglasses", "swimming trunks", "sea waves"),
    *("brain coral", "brass", "cutlery", "fruit", "guacamole", "gunfire", "ice cream", "laughter"),
    *("mashed potato", "music", "rain", "speech", "sports equipment", "swimwear", "thatch"),
    *("boiling", "chewing", "chopping", "clapping", "cooking", "frying", "snoring", "sweeping"),
    *("children playing", "engine idling", "glass breaking", "kitchen"),
    *("clothing or accessory", "dishes or cutlery", "food or drink", "furniture or appliance"),
    *("furniture or fitting", "ice cream or lolly", "light or flame", "rain or waves"),
    "weather or nature",
}


@pytest.mark.parametrize("name", ["everyday-av", "pictures-200", "shapes-40", "sounds-47"])
def test_every_bundled_label_has_its_article(name):
    lines = (LABELS / f"{name}.tsv").read_text().splitlines()
    labels = {text for line in lines for text in line.split("\t")[1:] if text}
    assert {text for text in labels if with_article(text) == text} == labels & BARE


@pytest.mark.parametrize(
    "words",
    [
        "a golden retriever",
        "an animal",
        "an hourglass",
        "a hoofed animal",
        "a European fire salamander",
        "a military uniform",
        "an umbrella",
        "an iPod",
        "an xbox",
        "a mask or glasses",
        "a bowl, cup or bottle",
    ],
)
def test_the_article_follows_the_sound(words):
    article, label = words.split(" ", 1)
    assert with_article(label) == f"{article} {label}"


@pytest.mark.parametrize("label", ["happy", "7", "Paris", "class 12", "yes", ""])
def test_what_is_no_known_noun_stands_as_it_is(label):
    assert with_article(label) == label
