"""Videos are turned and mirrored according to their display matrix."""

import struct

import numpy as np
import pytest

from perceiver_cli.media.orientation import orientation_of
from perceiver_cli.media.pixels import apply_orientation, stored_view
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

# (a, b, c, d) of the matrix, and what is shown of a stored frame.
MATRICES = {
    "as stored": ((1, 0, 0, 1), lambda p: p),
    "clockwise": ((0, 1, -1, 0), lambda p: np.rot90(p, -1)),
    "upside down": ((-1, 0, 0, -1), lambda p: np.rot90(p, 2)),
    "counterclockwise": ((0, -1, 1, 0), lambda p: np.rot90(p, 1)),
    "left is right": ((-1, 0, 0, 1), lambda p: p[:, ::-1]),
    "top is bottom": ((1, 0, 0, -1), lambda p: p[::-1]),
    "transposed": ((0, 1, 1, 0), lambda p: p.swapaxes(0, 1)),
    "transposed the other way": ((0, -1, -1, 0), lambda p: np.rot90(p, 2).swapaxes(0, 1)),
}


def with_matrix(content: bytes, matrix: tuple[int, int, int, int]) -> bytes:
    """An MP4 whose track is shown through another matrix than the identity."""
    a, b, c, d = (value * 0x10000 for value in matrix)
    identity = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    at = content.index(identity, content.index(b"tkhd"))
    made = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    return content[:at] + made + content[at + len(made) :]


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("container", ["mp4", "mov"])
def test_all_eight(tmp_path, name, container):
    matrix, shown = MATRICES[name]
    path = samples.make_av(tmp_path / f"a.{container}", 0.4, sound=None)
    spec = VideoSpec(2, 5.0, 1, 500, None)
    plain = load_video(Source(str(path)), container, spec)
    source = Source("a", with_matrix(path.read_bytes(), matrix))
    video = load_video(source, container, spec)
    expected = shown(plain.windows[0].frames[0])
    assert video.windows[0].frames.shape[1:] == expected.shape
    assert np.array_equal(video.windows[0].frames[0], expected)
    assert (video.width, video.height) == expected.shape[1::-1]


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("degrees", [-40, -5, 0, 5, 40])
@pytest.mark.parametrize("scale", [0.5, 3])
def test_others_as_the_nearest(name, degrees, scale):
    (a, b, c, d), _ = MATRICES[name]
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turned = scale * np.array([[a, b], [c, d]]) @ [[cosine, sine], [-sine, cosine]]
    assert orientation_of(*turned.ravel()) == orientation_of(a, b, c, d)


def test_no_matrix_at_all():
    assert orientation_of(0, 0, 0, 0) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright_and_stored_are_each_others_inverse(orientation):
    upright = np.arange(24).reshape(4, 6)
    stored = stored_view(upright, orientation)
    assert np.array_equal(apply_orientation(stored, orientation), upright)
