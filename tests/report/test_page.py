import base64
import hashlib
import re
import tracemalloc
from contextlib import closing
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest

from perceiver_cli.report.drawings.thumbnail import Thumbnail
from perceiver_cli.report.page import card, render
from perceiver_cli.report.page.stored_cards import StoredCards
from perceiver_cli.results import Answer, Failure, InputFailure, Prediction
from tests.report.results import classified, failed, unsure

EVIL = """<img src=x onerror="alert('&')">.png"""
VOID = {"meta", "img", "input", "br", "link"}


class Page(HTMLParser):
    """Parses a page as a browser does; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        (self.scripts if self.open[-1:] == ["script"] else self.text).append(data)

    def all(self, tag: str) -> list[dict]:
        return [attributes for name, attributes in self.tags if name == tag]


def page(*results, about="Attention: where.") -> Page:
    pixels = np.zeros((8, 12, 3), np.uint8)
    pictures = Thumbnail(pixels, pixels + 80)
    with closing(StoredCards()) as cards:
        for number, result in enumerate(results, 1):
            cards.add(card(number, result, pictures if result.ok else None))
        return Page("".join(render(cards, about)))


def test_names_labels_and_messages_are_text():
    evil = [Prediction(EVIL, 0, EVIL, 0.5)]
    bad = Failure(EVIL, InputFailure("corrupt", EVIL))
    found = page(
        classified(EVIL, predictions=evil, model=EVIL, answer=Answer(EVIL, "class", 0.5)), bad
    )
    assert all(image["src"].startswith("data:image/webp;base64,") for image in found.all("img"))
    assert not [a for _, attributes in found.tags for a in attributes if a.startswith("on")]
    assert len(found.all("script")) == 1
    for place in ("h3", "option"):
        assert place in {tag for tag, _ in found.tags}
    assert "".join(found.text).count(EVIL) >= 6
    assert found.all("li")[-1]["data-words"].startswith(EVIL.lower())


def test_control_characters_do_not_get_in():
    assert "a\\x1bb\\nc" in "".join(page(classified("a\x1bb\nc")).text)


def test_the_page_needs_nothing_else():
    found = page(classified(), failed())
    for tag, attributes in found.tags:
        for name in ("src", "href", "action", "data"):
            target = attributes.get(name, "#")
            assert target.startswith(("#", "data:")), (tag, target)
    assert "http" not in "".join(found.scripts)
    assert not found.all("link")


def test_no_script_runs_but_its_own():
    found = page(classified())
    (policy,) = (
        meta["content"]
        for meta in found.all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    (script,) = found.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy.replace("style-src 'unsafe-inline'", "")


def test_what_the_files_come_to():
    results = [(unsure if n < 2 else classified)(f"{n}.jpg") for n in range(4)] + [
        classified(
            "d.wav",
            modality="audio",
            input={"duration_s": 1.0, "sample_rate": 8000, "channels": 1},
            attention=None,
            answer=Answer("dog", "group", 0.9),
        ),
        failed("cut.jpg"),
    ]
    found = page(*results)
    words = " ".join(" ".join(found.text).split())
    assert "6 files" in words
    assert "5 classified, of which 2 unsure; 1 failed." in words
    for part in ("By answer", "By kind", "Scores", "Least sure", "Failed"):
        assert part in words
    assert re.search(r"not sure +2 Egyptian cat +2 dog +1", words)
    assert re.search(r"image +4 audio +1", words)
    cards = [li for li in found.all("li") if li.get("class", "").startswith("card")]
    states = [card["data-state"] for card in cards]
    assert states == ["sure", "sure", "sure", "unsure", "unsure", "failed"]
    assert {a["href"] for a in found.all("a")} >= {"#item-1", "#item-2", "#item-6"}
    assert {card["id"] for card in cards} == {f"item-{n}" for n in range(1, 7)}


def test_a_model_without_the_requested_classes_is_not_unsure():
    found = page(classified(), unsure("b.jpg", predictions=[], among=[]))
    words = " ".join(" ".join(found.text).split())
    assert "2 classified." in words
    assert "no requested class 1" in words
    assert "pictures knows none of the requested classes" in words


def test_it_can_be_used_without_seeing_it():
    found = page(unsure(), failed())
    (html,) = found.all("html")
    assert html["lang"] == "en"
    assert all(image["alt"] for image in found.all("img"))
    assert len(found.all("label")) == len(found.all("input")) + len(found.all("select"))
    assert [p for p in found.all("p") if p.get("role") == "status"]
    assert all(th.get("scope") for th in found.all("th"))
    headings = [int(tag[1]) for tag, _ in found.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert max(b - a for a, b in pairwise(headings)) == 1
    viewport = [meta for meta in found.all("meta") if meta.get("name") == "viewport"]
    assert "user-scalable" not in viewport[0]["content"]


@pytest.mark.parametrize("results", [[], [failed()], [unsure(predictions=[])]])
def test_pages_with_little_on_them(results):
    found = page(*results, about="")
    assert f"{len(results)} file" in "".join(found.text)


def test_light_and_dark():
    with closing(StoredCards()) as cards:
        text = "".join(render(cards, ""))
    assert "prefers-color-scheme: dark" in text
    assert "color-scheme: light dark" in text


def test_pictures_are_not_kept_in_memory(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (120, 180, 3), dtype=np.uint8)
    result = classified()
    tracemalloc.start()
    with closing(StoredCards(tmp_path)) as cards, open(tmp_path / "page.html", "w") as stream:
        for number in range(1, 301):
            cards.add(card(number, result, Thumbnail(pixels, pixels)))
        stream.writelines(render(cards, ""))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.25 * (tmp_path / "page.html").stat().st_size
