"""Sounds as recorders, messengers and studios write them, each a sweep of two seconds."""

import io
import struct

import numpy as np
import pytest
import soundfile
from PIL import Image

from perceiver_cli.detect import detect
from perceiver_cli.media.audio import load_sound
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import SoundSpec
from perceiver_cli.media.types import Sound
from tests import samples

SPEC = SoundSpec(16000, 20.0, 4)
SWEEP = samples.sweep(2, 48000)


def sweep_of(content: bytes, name: str = "a", level: float = 1.0, within: float = 0.06) -> Sound:
    """The sound in a file, which has to be the sweep."""
    source = Source(name, content)
    detection = detect(source)
    assert detection.modality == "audio"
    sound = load_sound(source, detection.format, SPEC)
    assert (sound.duration_s, len(sound.windows)) == (pytest.approx(2, abs=0.1), 1)
    found = sound.windows[0].samples
    assert samples.pitch(found[6000:10_000], 16000) == pytest.approx(250, abs=6)
    assert samples.pitch(found[22_000:26_000], 16000) == pytest.approx(350, abs=6)
    assert found.std() == pytest.approx(0.354 * level, rel=within)
    return sound


def wav(
    tag: int,
    bits: int,
    data: bytes,
    sizes: int | None = None,
    front: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A WAV file of one channel at 48 kHz; sizes: what the header states for all lengths."""
    step = bits // 8
    form = struct.pack("<HHIIHH", tag, 1, 48000, 48000 * step, step, bits) + more
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form + front
    body += b"data" + struct.pack("<I", len(data) if sizes is None else sizes) + data
    return b"RIFF" + struct.pack("<I", len(body) if sizes is None else sizes) + body


SHORTS = (SWEEP[:, 0] * 32767).astype("<i2").tobytes()
TITLE = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf58.29.100\0"
ODD = b"junk" + struct.pack("<I", 3) + b"abc\0"
PCM_GUID = b"\1\0\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(wav(1, 16, SHORTS, 2**32 - 1, TITLE), id="streamed by FFmpeg"),
        pytest.param(wav(1, 16, SHORTS, 0), id="recording that was never ended"),
        pytest.param(wav(1, 16, SHORTS, front=ODD), id="chunk of odd length"),
        pytest.param(wav(3, 32, SWEEP.astype("<f4").tobytes(), front=TITLE), id="float"),
        pytest.param(
            wav(
                *(0xFFFE, 32, (SWEEP * (2**31 - 1)).astype("<i4").tobytes()),
                more=struct.pack("<HHI", 22, 24, 4) + PCM_GUID,
            ),
            id="24 bits in 32",
        ),
    ],
)
def test_wav(content):
    assert sweep_of(content).file_rate == 48000


@pytest.mark.parametrize("rate", [8000, 48000])
@pytest.mark.parametrize(
    ("format", "subtypes"),
    [
        ("WAV", ("PCM_U8", "PCM_24", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610")),
        ("AIFF", ("PCM_S8", "PCM_24", "FLOAT", "ULAW", "ALAW", "IMA_ADPCM")),
        ("CAF", ("ALAC_16", "ALAC_24", "PCM_24", "FLOAT", "ULAW")),
    ],
)
def test_codings(format, subtypes, rate):
    for subtype in subtypes:
        buffer = io.BytesIO()
        soundfile.write(buffer, samples.sweep(2, rate), rate, format=format, subtype=subtype)
        assert sweep_of(buffer.getvalue()).file_rate == rate


def test_the_byte_order_of_apple():
    buffer = io.BytesIO()
    soundfile.write(buffer, SWEEP, 48000, format="AIFF", subtype="PCM_16", endian="LITTLE")
    assert b"sowt" in buffer.getvalue()[:200]
    sweep_of(buffer.getvalue())


@pytest.mark.parametrize(
    ("gains", "level"),
    [((1, 0.5, 0.2, -0.7), 0.6), ((1, 1, 1, 0.3, 0.5, 0.5, 0.5, 0.5), 5 / 7)],
    ids=["ambisonics", "7.1"],
)
def test_many_channels(gains, level):
    buffer = io.BytesIO()
    soundfile.write(buffer, SWEEP * np.array(gains), 48000, format="WAV")
    assert sweep_of(buffer.getvalue(), level=level).channels == len(gains)


def test_a_flac_with_a_picture_and_a_cue_sheet():
    buffer = io.BytesIO()
    soundfile.write(buffer, SWEEP, 48000, format="FLAC")
    content = buffer.getvalue()
    cover = bytes(10**6)
    picture = struct.pack(">II", 3, 10) + b"image/jpeg" + bytes(4)
    picture += struct.pack(">IIIII", 500, 500, 24, 0, len(cover)) + cover
    cue = bytes(128) + struct.pack(">QB", 88200, 1) + bytes(258) + b"\1"
    cue += struct.pack(">QB", 0, 170) + bytes(12) + b"\0" + bytes(14)
    blocks = b"".join(
        bytes([kind]) + len(body).to_bytes(3, "big") + body
        for kind, body in ((6, picture), (5, cue))
    )
    sweep_of(content[:42] + blocks + content[42:])


def encoded(
    codec: str, container: str, rate: int, front: bytes = b"", layout: str = "mono"
) -> bytes:
    import av

    buffer = io.BytesIO()
    try:
        with av.open(buffer, "w", format=container) as file:
            stream = file.add_stream(codec, rate=rate, layout=layout)
            stream.bit_rate = 12_200 if "amr" in codec else 96_000
            context = stream.codec_context
            sound = np.tile(samples.sweep(2, rate).T, (context.channels, 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound), "fltp", layout)
            frame.sample_rate, frame.pts = rate, 0
            cut = av.AudioResampler(context.format, layout, rate, context.frame_size or 1024)
            for part in (*cut.resample(frame), *cut.resample(None), None):
                file.mux(stream.encode(part))
    except av.codec.codec.UnknownCodecError:
        pytest.skip(f"this PyAV has no encoder {codec}")
    return front + buffer.getvalue()


def large_cover() -> bytes:
    """An ID3 tag with a cover of five megabytes."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (1600, 1600, 3), np.uint8)
    Image.fromarray(noise).save(buffer, "JPEG", quality=95)
    body = b"\0image/jpeg\0\3\0" + buffer.getvalue()
    frame = b"APIC" + struct.pack(">I", len(body)) + bytes(2) + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frame


@pytest.mark.parametrize(
    ("codec", "container", "rate", "layout"),
    [
        ("libopus", "ogg", 48000, "mono"),
        ("libopencore_amrnb", "amr", 8000, "mono"),
        ("libopencore_amrnb", "3gp", 8000, "mono"),
        ("alac", "ipod", 44100, "stereo"),
        ("aac", "ipod", 48000, "5.1"),
        ("adpcm_ima_qt", "mov", 44100, "stereo"),
        ("wmav2", "asf", 44100, "stereo"),
        ("flac", "matroska", 48000, "stereo"),
        ("ac3", "vob", 48000, "stereo"),
        ("g726", "wav", 8000, "mono"),
    ],
)
def test_messages_and_music(codec, container, rate, layout):
    sound = sweep_of(encoded(codec, container, rate, layout=layout), within=0.25)
    assert sound.file_rate == rate


def test_an_mp3_with_a_large_cover():
    cover = large_cover()
    assert len(cover) > 2 * 10**6
    sweep_of(encoded("libmp3lame", "mp3", 44100, cover))


def test_an_mp3_in_a_wav():
    mp3 = encoded("libmp3lame", "mp3", 48000)
    more = struct.pack("<HHIHHH", 12, 1, 2, 384, 1, 1393)
    form = struct.pack("<HHIIHH", 0x55, 1, 48000, 8000, 1, 0) + more
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(mp3)) + mp3
    sweep_of(b"RIFF" + struct.pack("<I", len(body)) + body)
