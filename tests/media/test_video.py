"""Videos: upright frames by presentation time, with the sound of the same interval."""

import numpy as np
import pytest
from PIL import Image

from perceiver_cli.errors import InputError
from perceiver_cli.media.source import Source
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.video import load_video
from tests import samples

SPEC = VideoSpec(frames=5, window_s=5.0, max_windows=3, short_side=32, sound_rate=None)
SHORT = VideoSpec(frames=3, window_s=0.5, max_windows=3, short_side=32, sound_rate=16000)


def load(path, format=None, spec=SPEC):
    return load_video(Source(str(path)), format or path.suffix[1:], spec)


def greys(window):
    return window.frames[:, 5:-5, -12:-4].mean((1, 2, 3))


def check_frames(window, tolerance=6):
    """Every frame's grey tells the time at which it was on screen."""
    expected = [samples.grey_at(time) for time in window.times_s]
    assert greys(window) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS)
def test_containers(tmp_path, name, format, options):
    path = samples.make_av(tmp_path / name, 2, **options)
    video = load(path, format)
    assert (video.width, video.height) == (96, 64)
    assert video.fps == pytest.approx(25)
    assert video.duration_s == pytest.approx(2, abs=0.1)
    (window,) = video.windows
    assert window.frames.shape == (5, 32, 48, 3)
    assert window.frames.dtype == np.uint8
    assert window.times_s == pytest.approx([0, 0.48, 0.96, 1.44, 1.96], abs=0.06)
    assert window.frames[:, 16, 8].mean(0) == pytest.approx([255, 0, 0], abs=30)
    check_frames(window, 9)
    assert window.sound is None
    assert video.sound_rate is None


# FLV states its length from the clock's zero, not from its first frame: its last window is late.
@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS[:-1])
def test_windows_with_their_sound(tmp_path, name, format, options):
    path = samples.make_av(tmp_path / name, 4, **options)
    video = load(path, format, SHORT)
    assert [w.start_s for w in video.windows] == pytest.approx([0, 1.75, 3.5], abs=0.1)
    assert video.sound_rate == 16000
    for window in video.windows:
        assert window.times_s[0] == pytest.approx(window.start_s, abs=0.06)
        assert window.times_s[-1] == pytest.approx(window.start_s + 0.46, abs=0.08)
        check_frames(window, 9)
        assert window.sound.dtype == np.float32
        assert len(window.sound) == 8000
        middle = window.start_s + 0.25
        assert samples.pitch(window.sound, 16000) == pytest.approx(200 + 100 * middle, abs=40)


@pytest.mark.parametrize("codec", ["h264", "mpeg1video"])
def test_streams_without_timestamps(tmp_path, codec):
    pictures = {"h264": "libx264"}.get(codec, codec)
    path = samples.make_av(tmp_path / "a", 2, pictures=pictures, sound=None, format=codec)
    format = {"h264": "h264"}.get(codec, "mpegvideo")
    video = load(path, format)
    assert video.duration_s == pytest.approx(2, abs=0.1)
    check_frames(video.windows[0], 9)
    late = load(path, format, SHORT).windows[-1]
    assert late.times_s[0] == pytest.approx(1.5, abs=0.1)
    check_frames(late, 9)


def test_variable_frame_rate(tmp_path):
    # Ten frames in the first 0.2 s, then one that stays until the last at 2 s.
    times = [*range(0, 200, 20), 2000]
    path = samples.make_av(tmp_path / "a.mkv", sound=None, times_ms=times)
    (window,) = load(path).windows
    assert window.times_s == pytest.approx([0, 0.18, 0.18, 0.18, 2.0], abs=0.002)
    check_frames(window)


@pytest.mark.parametrize("rotation", [90, 180, 270, -90])
def test_rotation(tmp_path, rotation):
    plain = load(samples.make_av(tmp_path / "a.mp4", 0.4, sound=None))
    turned = load(samples.make_av(tmp_path / "b.mp4", 0.4, sound=None, rotation=rotation))
    expected = np.rot90(plain.windows[0].frames, rotation // 90, axes=(1, 2))
    assert turned.windows[0].frames.shape == expected.shape
    assert np.array_equal(turned.windows[0].frames, expected)
    sideways = rotation != 180
    assert (turned.width, turned.height) == ((64, 96) if sideways else (96, 64))


def test_frames_are_never_enlarged(tmp_path):
    path = samples.make_av(tmp_path / "a.mp4", 0.4, sound=None)
    spec = VideoSpec(2, 5.0, 1, 500, None)
    assert load(path, spec=spec).windows[0].frames.shape == (2, 64, 96, 3)


def test_single_frame_and_single_wanted(tmp_path):
    path = samples.make_av(tmp_path / "a.mp4", 0.04, sound=None)
    (window,) = load(path).windows
    assert len(window.frames) == 5
    assert np.ptp(window.frames, axis=0).max() == 0
    one = load(
        samples.make_av(tmp_path / "b.mp4", 2, sound=None), spec=VideoSpec(1, 5, 1, 32, None)
    )
    assert one.windows[0].times_s == pytest.approx([0.98], abs=0.05)


def test_sound_shorter_than_the_pictures_is_padded_with_silence(tmp_path):
    path = samples.make_av(tmp_path / "a.mkv", 2, sound_seconds=1)
    (window,) = load(path, spec=VideoSpec(2, 5.0, 1, 32, 16000)).windows
    assert len(window.sound) == pytest.approx(32000, abs=200)
    assert np.abs(window.sound[:15000]).max() > 0.3
    assert np.abs(window.sound[17500:]).max() == 0


@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS)
def test_a_film_is_as_long_as_the_longer_of_its_streams(tmp_path, name, format, options):
    path = samples.make_av(tmp_path / name, 1, sound_seconds=4, **options)
    film = load(path, format, VideoSpec(4, 2.0, 4, 32, 16000))
    assert film.duration_s == pytest.approx(4, abs=0.1)
    assert film.notes == ()
    first, second = film.windows
    assert second.start_s == pytest.approx(2, abs=0.1)
    assert first.times_s == pytest.approx([0, 0.65, 0.96, 0.96], abs=0.07)
    assert second.times_s == pytest.approx([0.96] * 4, abs=0.07)
    for window in film.windows:
        middle = window.start_s + 1
        assert samples.pitch(window.sound, 16000) == pytest.approx(200 + 100 * middle, abs=110)
    (short,) = load(path, format, VideoSpec(4, 5.0, 4, 32, 16000)).windows
    assert len(short.sound) == pytest.approx(4 * 16000, abs=1600)
    assert short.times_s == pytest.approx([0, 0.96, 0.96, 0.96], abs=0.07)
    longer = samples.make_av(tmp_path / f"b{name}", 4, sound_seconds=1, **options)
    film = load(longer, format, VideoSpec(4, 2.0, 4, 32, 16000))
    assert film.duration_s == pytest.approx(4, abs=0.1)


@pytest.mark.parametrize(("name", "format", "options"), samples.AV_CONTAINERS)
def test_a_film_without_its_sound_is_as_long_as_its_pictures(tmp_path, name, format, options):
    path = samples.make_av(tmp_path / name, 1, sound_seconds=4, **options)
    film = load(path, format)
    assert film.duration_s == pytest.approx(1, abs=0.1)
    check_frames(film.windows[0], 9)


def test_sound_is_not_decoded_unless_wanted(tmp_path):
    assert load(samples.make_av(tmp_path / "a.mp4", 0.4)).windows[0].sound is None


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "avif"])
def test_animations(tmp_path, suffix):
    durations = [100, 300, 100, 500]
    path = samples.make_animation(tmp_path / f"a.{suffix}", durations)
    video = load(path)
    assert (video.width, video.height) == (64, 48)
    assert video.duration_s == pytest.approx(1.0)
    assert video.fps == pytest.approx(4)
    (window,) = video.windows
    # Wanted at 0, 0.125, 0.25, 0.375 and 0.5, when frames 0, 1, 1, 1 and 3 are on screen.
    assert window.times_s == pytest.approx([0, 0.1, 0.1, 0.1, 0.5])
    assert window.frames.shape == (5, 32, 43, 3)
    assert window.frames.mean((1, 2, 3)) == pytest.approx([0, 20, 20, 20, 60], abs=3)


def test_animation_windows_and_missing_durations(tmp_path):
    path = samples.make_animation(tmp_path / "a.gif", [0] * 12)
    video = load(path, spec=VideoSpec(2, 0.4, 2, 32, None))
    assert video.duration_s == pytest.approx(1.2)
    assert [w.start_s for w in video.windows] == pytest.approx([0, 0.8])
    assert video.windows[1].frames.mean((1, 2, 3)) == pytest.approx([160, 220], abs=3)


def test_transparent_animation_is_shown_on_white(tmp_path):
    frames = [Image.new("RGBA", (8, 8), (level, 0, 0, 0)) for level in (10, 20)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    assert load(tmp_path / "a.webp").windows[0].frames.min() == 255


@pytest.mark.parametrize("suffix", ["webp", "png"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_animations_are_turned_upright(tmp_path, suffix, orientation, turns):
    upright = samples.picture_array(48, 64)
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(upright, -turns)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    again = stored.copy()
    again.putpixel((0, 0), (9, 9, 9))
    stored.save(path, save_all=True, append_images=[again], duration=100, exif=exif, quality=95)
    video = load(path, spec=VideoSpec(2, 5, 1, 500, None))
    assert (video.width, video.height) == (48, 64)
    for place in ((8, 8), (8, 40), (50, 24)):
        assert np.abs(video.windows[0].frames[0][place].astype(int) - upright[place]).max() <= 40


@pytest.mark.parametrize(
    ("frames", "told"), [(9, "the first 7 of 9 frames"), (3, "the first of 3 frames")]
)
def test_cut_off_animation_counts_as_far_as_it_goes(tmp_path, frames, told):
    path = samples.make_animation(tmp_path / "a.png", [100] * frames)
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"fcTL") - 60])
    video = load(path)
    note = f"the animation is cut off or damaged: only {told} can be decoded"
    assert video.notes == (note,)
    assert video.duration_s == pytest.approx(0.1 * (frames - 2))


def test_a_damaged_gif_has_no_number_of_frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (9, 64, 64), np.uint8)
    first, *others = (Image.fromarray(frame) for frame in noise)
    path = tmp_path / "a.gif"
    first.save(path, save_all=True, append_images=others, duration=100)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    told = "the animation is cut off or damaged: only the first 4 frames can be decoded"
    assert load(path).notes == (told,)


def test_default_picture_of_a_png_is_not_a_frame(tmp_path):
    path = samples.make_animation(tmp_path / "a.png", [100, 100, 100], default_image=True)
    (window,) = load(path).windows
    assert window.frames.mean((1, 2, 3))[[0, -1]] == pytest.approx([20, 40], abs=1)


def test_cut_off_video_counts_as_far_as_it_goes(tmp_path):
    options = {"movflags": "faststart"}
    path = samples.make_av(tmp_path / "a.mp4", 8, sound=None, options=options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    first = load(path).windows[0]
    check_frames(first)
    assert first.times_s[-1] > 2


def test_damage_in_the_middle_is_passed_over(tmp_path, capfd):
    content = bytearray(samples.make_av(tmp_path / "a.ts", 4, sound=None).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)
    (tmp_path / "b.ts").write_bytes(content)
    video = load(tmp_path / "b.ts")
    assert video.windows[0].frames.shape == (5, 32, 48, 3)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("keep", [0, 30])
def test_nothing_decodable_is_corrupt(tmp_path, keep, capfd):
    path = samples.make_av(tmp_path / "a.mkv", 0.5, sound=None)
    content = path.read_bytes()
    start = content.index(b"\x1f\x43\xb6\x75")
    path.write_bytes(content[: start + keep])
    with pytest.raises(InputError) as caught:
        load(path)
    assert caught.value.kind == "corrupt"
    assert str(tmp_path) not in caught.value.message
    assert capfd.readouterr().err == ""


def test_sound_alone_is_unsupported(tmp_path):
    with pytest.raises(InputError) as caught:
        load(samples.make_av(tmp_path / "a.mp4", 0.5, pictures=None))
    assert caught.value.kind == "unsupported"


def test_long_videos_are_sought_not_decoded_whole(tmp_path, monkeypatch):
    from perceiver_cli.media import screen as module

    path = samples.make_av(tmp_path / "a.mp4", 40, sound=None, rate=10)
    decoded = []
    original = module.frames_from

    def counting(*arguments):
        for time, frame in original(*arguments):
            decoded.append(time)
            yield time, frame

    monkeypatch.setattr(module, "frames_from", counting)
    spec = VideoSpec(2, 1.0, 2, 32, None)
    for window in load(path, spec=spec).windows:
        check_frames(window)
    # 400 frames in the file; key frames come every 250.
    assert len(decoded) < 200
