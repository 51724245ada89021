"""Classification does not change Pillow's settings, and Pillow prints nothing."""

import io
import logging
import struct
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from perceiver_cli import Classifier
from perceiver_cli.errors import InputError
from perceiver_cli.media.image import load_picture
from perceiver_cli.media.libtiff import unpacks
from perceiver_cli.media.pillow_settings import quiet_pillow
from perceiver_cli.media.source import Source
from tests import samples


def tiff(compression: int, strip: bytes) -> bytes:
    """8 x 8 pixels of grey whose only strip is packed."""
    tags = {
        **{256: 8, 257: 8, 258: 8, 259: compression, 262: 1, 273: 256},
        **{277: 1, 278: 8, 279: len(strip)},
    }
    body = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    body += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    return body.ljust(256, b"\0") + strip


def settings() -> tuple:
    return (
        Image.MAX_IMAGE_PIXELS,
        logging.getLogger("PIL").level,
        logging.root.level,
        list(warnings.filters),
    )


def test_a_host_process_keeps_its_settings(bundle, media, tmp_path):
    before = settings()
    paths = [media["image"], samples.make_animation(tmp_path / "a.gif", [90] * 3)]
    results = list(Classifier(attention=False).stream(paths))
    assert all(result.ok for result in results)
    assert settings() == before


def test_settings_stay_until_the_last_thread_has_left():
    before = settings()
    inside, may_leave = threading.Event(), threading.Event()

    def stay():
        with quiet_pillow:
            inside.set()
            may_leave.wait(60)

    thread = threading.Thread(target=stay)
    thread.start()
    assert inside.wait(60)
    with quiet_pillow:
        pass
    assert logging.getLogger("PIL").level == logging.CRITICAL
    may_leave.set()
    thread.join()
    assert settings() == before


def test_libtiff_prints_nothing(capfd):
    with pytest.raises(InputError) as caught:
        load_picture(Source("a.tiff", tiff(8, b"no deflated data")), "tiff")
    assert caught.value.kind == "corrupt"
    assert capfd.readouterr().err == ""


def test_a_compression_that_libtiff_lacks_is_unsupported(monkeypatch):
    assert unpacks(8)
    monkeypatch.setattr("perceiver_cli.media.pillow.unpacks", lambda number: number != 50001)
    packed = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(packed, "WEBP")
    with pytest.raises(InputError) as caught:
        load_picture(Source("a.tiff", tiff(50001, packed.getvalue())), "tiff")
    assert caught.value.kind == "unsupported"
    assert "WebP" in caught.value.message
