"""Videos of high dynamic range are shown as a standard screen shows them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from perceiver_cli.media.hdr import to_standard_range
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video

PQ, HLG, BT2020, BT709 = 16, 18, 9, 1
# Candela per square metre and their levels, from the table in ITU-R BT.2408.
PQ_LEVELS = {26: 0.38, 203: 0.58, 1000: 0.75}
HLG_LEVELS = {26: 0.38, 203: 0.75, 1000: 1.0}


def grey(level: float) -> np.ndarray:
    return np.full((1, 1, 3), round(65535 * level), np.uint16)


@pytest.mark.parametrize(("transfer", "levels"), [(PQ, PQ_LEVELS), (HLG, HLG_LEVELS)])
@pytest.mark.parametrize("primaries", [BT2020, BT709])
def test_a_grey_card_is_middle_grey_and_paper_is_nearly_white(transfer, levels, primaries):
    card, paper, lamp = (
        to_standard_range(grey(level), transfer, primaries)[0, 0] for level in levels.values()
    )
    assert np.ptp([card, paper, lamp], axis=1).max() <= 1  # neutral
    assert 90 < card[0] < 115  # 26 of 203 in sRGB: 101
    assert 225 < paper[0] < 245
    assert lamp[0] >= 254


def test_highlights_keep_their_hue_and_their_order():
    levels = np.stack([np.linspace(0.3, 1, 40), np.linspace(0.2, 0.9, 40), np.full(40, 0.2)], -1)
    found = to_standard_range((levels[None] * 65535).astype(np.uint16), PQ, BT709)[0].astype(int)
    assert (np.diff(found[:, 0]) >= 0).all()
    assert (found[:, 0] >= found[:, 1]).all()
    assert (found[:, 1] >= found[:, 2]).all()


@pytest.mark.parametrize(("transfer", "levels"), [(PQ, PQ_LEVELS), (HLG, HLG_LEVELS)])
def test_a_video_of_high_range_is_tone_mapped(tmp_path, transfer, levels):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        name = {PQ: "smpte2084", HLG: "arib-std-b67"}[transfer]
        colours = f"colorprim=bt2020:transfer={name}:colormatrix=bt2020nc"
        stream.options = {"x265-params": f"log-level=none:{colours}"}
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = BT2020
        for number in range(4):
            pixels = np.full((48, 64, 3), round(65535 * levels[203]), np.uint16)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb48le").reformat(format="yuv420p10le")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    spec = VideoSpec(frames=2, window_s=1.0, max_windows=1, short_side=48, sound_rate=None)
    (window,) = load_video(Source(str(path)), "mkv", spec).windows
    assert 222 < window.frames.mean() < 248
