import io
import json
import sys
from itertools import combinations, pairwise

import av
import numpy as np
import pytest
from PIL import Image

from tests.samples import make_av, make_picture, make_sound, picture_array, sweep

pytest.importorskip("matplotlib")

from perceiver_cli.report.drawings.sheet import Sheet

METHODS = ("attention", "rollout", "gradient")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("modality", ["image", "audio", "pointcloud", "video", "av"])
def test_every_modality_by_every_method(run, bundle, media, tmp_path, modality, method):
    out = tmp_path / "seen.png"
    outcome = run("explain", media[modality], "-o", out, "--method", method)
    assert outcome.exit_code == 0
    assert outcome.stderr == ""
    lines = outcome.stdout.splitlines()
    assert lines[1].lower().startswith(method)
    # The sentence is about attention, and about no other method.
    assert any(line.startswith("Attends to ") for line in lines) == (method == "attention")
    assert lines[-1] == f"Wrote {out}"
    with Image.open(out) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert min(pixels.shape[:2]) > 200
    assert pixels.std() > 5
    assert list(tmp_path.iterdir()) == [out]


def test_sentences_fit_the_terminal_and_paths_stay_whole(run, bundle, media, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    out = tmp_path / "a rather long name of a picture.png"
    outcome = run("explain", media["image"], "-o", out, "--method", "attention")
    *sentences, last = outcome.stdout.splitlines()
    assert max(map(len, sentences)) <= 40
    told = " ".join(sentences)
    assert "Attention: where the latents look, averaged over heads and latents." in told
    assert "Attends to " in told
    assert last == f"Wrote {out}"


@pytest.mark.parametrize("ending", [".webp", ".jpg"])
def test_a_picture_in_other_formats(run, bundle, media, tmp_path, ending):
    out = tmp_path / f"seen{ending}"
    assert run("explain", media["image"], "-o", out).exit_code == 0
    with Image.open(out) as picture:
        assert picture.format == {".webp": "WEBP", ".jpg": "JPEG"}[ending]


@pytest.mark.parametrize("ending", [".webp", ".gif", ".mp4"])
def test_a_film_shows_every_frame_the_model_read(run, bundle, media, tmp_path, ending):
    out = tmp_path / f"seen{ending}"
    assert run("explain", media["av"], "-o", out).exit_code == 0
    if ending == ".mp4":
        import av

        with av.open(str(out)) as container:
            frames = [frame.to_image() for frame in container.decode(video=0)]
        assert len(frames) == 5  # the last one twice, to be seen for its time
    else:
        with Image.open(out) as film:
            frames = []
            for index in range(film.n_frames):
                film.seek(index)
                frames.append(film.convert("RGB"))
        assert len(frames) == 4
    first, last = (np.asarray(frame).astype(int) for frame in (frames[0], frames[3]))
    assert np.abs(first - last).max() > 50


@pytest.mark.parametrize("ending", [".ply", ".glb"])
def test_shapes_that_viewers_open(run, bundle, media, tmp_path, ending):
    import trimesh

    out = tmp_path / f"seen{ending}"
    assert run("explain", media["pointcloud"], "-o", out).exit_code == 0
    (shape,) = trimesh.load_scene(io.BytesIO(out.read_bytes()), file_type=ending[1:]).dump()
    extent = np.ptp(shape.vertices, axis=0)
    # The box is 1 x 2 x 3 with z up; GLB has y up.
    expected = (1, 2, 3) if ending == ".ply" else (1, 3, 2)
    np.testing.assert_allclose(extent, expected, atol=0.25)
    colours = shape.colors if ending == ".ply" else shape.visual.vertex_colors
    assert len(np.unique(colours, axis=0)) > 3


def test_attention_is_what_the_record_says(run, bundle, media):
    from perceiver_cli.explain.explanation import explain
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.media.source import Source

    found = explain(Source(str(media["av"])), Classifier(precision="float32"), "attention")
    assert found.names == ("cross-attend 1", "cross-attend 2", "all cross-attends")
    (window,) = found.windows
    for index, cross_attend in enumerate(found.result.attention.cross_attends):
        for stream, share in cross_attend.share.items():
            assert window.shares[stream][index] == pytest.approx(share, abs=1e-3)
    elements = found.result.byte_array["elements"]
    total = sum(
        attribution.values[0].sum() / (2 if stream == "video" else 1)
        for stream, attribution in window.maps.items()
    )
    assert total == pytest.approx(elements, rel=1e-3)


def test_notes_on_the_file_are_told(run, bundle, tmp_path):
    cut = tmp_path / "cut.jpg"
    Image.effect_noise((90, 90), 60).convert("RGB").save(cut)
    cut.write_bytes(cut.read_bytes()[:-2])
    outcome = run("explain", cut, "-o", tmp_path / "out.png")
    assert outcome.exit_code == 0
    assert outcome.stderr == f"perceiver: {cut}: the JPEG file lacks its end\n"


def test_several_windows_and_odd_names(run, bundle, tmp_path):
    sound = make_sound(tmp_path / "a $x^{2$ 日本.wav", 3.5)
    video = make_av(tmp_path / "long.mp4", 3.0)
    for path in (sound, video):
        outcome = run("explain", path, "-o", tmp_path / "seen.png")
        assert outcome.exit_code == 0
        assert outcome.stderr == ""


def test_large_and_tiny_pictures(run, bundle, tmp_path):
    for width, height in ((3, 2), (3000, 900), (300, 3000)):
        path = make_picture(tmp_path / "p.png", width, height)
        out = tmp_path / "seen.png"
        assert run("explain", path, "-o", out).exit_code == 0
        with Image.open(out) as picture:
            assert max(picture.size) < 8000


def narrow_film(path):
    with av.open(path, "w") as film:
        stream = film.add_stream("mpeg4", rate=10, width=16, height=720)
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(picture_array(16, 720), "rgb24")
        for number in range(10):
            frame.pts = number
            film.mux(stream.encode(frame))
        film.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "make", "ending"),
    [
        ("two pixels wide.png", lambda path: make_picture(path, 2, 3000), ".png"),
        ("narrow.png", lambda path: make_picture(path, 50, 400), ".png"),
        ("film.mp4", narrow_film, ".png"),
        ("a film of a long and narrow corridor, take 2.mp4", narrow_film, ".gif"),
    ],
)
def test_texts_of_a_narrow_drawing_lie_on_it_and_apart(
    run, bundle, tmp_path, monkeypatch, name, make, ending
):
    sheets, real = [], Sheet.pixels
    monkeypatch.setattr(Sheet, "pixels", lambda sheet: (sheets.append(sheet), real(sheet))[1])
    make(tmp_path / name)
    outcome = run("explain", tmp_path / name, "-o", tmp_path / f"drawn{ending}")
    assert outcome.exit_code == 0, outcome.stderr
    for sheet in sheets:
        boxes = [text.get_window_extent() for text in sheet.figure.texts]
        assert len(boxes) > 5
        assert all(box.x0 >= 0 and box.x1 <= sheet.width for box in boxes)
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_without_matplotlib_it_says_what_to_install(run, bundle, media, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out = tmp_path / "seen.png"
    outcome = run("explain", media["image"], "-o", out)
    assert outcome.exit_code == 2
    assert outcome.stderr == (
        "perceiver: drawing needs matplotlib: pip install 'perceiver-cli[plots]'\n"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("modality", "name", "told"),
    [
        ("image", "seen.mp4", "the explanation of a picture cannot be written as .mp4: use .png"),
        ("audio", "seen.ply", "the explanation of a sound cannot be written as .ply: use .png"),
        ("image", "seen.txt", "unknown file extension; use one of .png"),
    ],
)
def test_endings_that_do_not_fit(run, bundle, media, tmp_path, modality, name, told):
    outcome = run("explain", media[modality], "-o", tmp_path / name)
    assert outcome.exit_code == 2
    assert told in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_classified_leaves_the_old_picture(run, bundle, tmp_path):
    out = tmp_path / "seen.png"
    out.write_bytes(b"before")
    path = tmp_path / "notes.txt"
    path.write_text("just words\n")
    outcome = run("explain", path, "-o", out)
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"perceiver: {path}: ")
    assert out.read_bytes() == b"before"


def with_late_event(path, start_s):
    """A minute of silence but for two seconds of a sweep."""
    import soundfile

    samples = np.zeros((60 * 22050, 1), np.float32)
    samples[int(start_s * 22050) :][: 2 * 22050] = sweep(2.0, 22050)
    soundfile.write(path, samples, 22050)
    return path


# The first windows of a long sound are loaded before the others.
@pytest.mark.parametrize("start_s", [3.2, 50.2])
def test_windows_are_those_of_classify(run, bundle, tmp_path, start_s):
    from perceiver_cli.explain.explanation import explain
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.media.source import Source

    path = with_late_event(tmp_path / "late.wav", start_s)
    found = explain(Source(str(path)), Classifier())
    expected = json.loads(run("classify", path, "--jsonl").stdout)
    assert found.result.to_dict()["segments"] == expected["segments"]
    assert len(expected["segments"]) > 16
    spans = [window.span_s for window in found.windows]
    assert 1 <= len(spans) <= 5
    assert all(start >= start_s - 0.1 and end <= start_s + 2.1 for start, end in spans)
    assert all(b[0] >= a[1] for a, b in pairwise(spans))
    assert run("explain", path, "-o", tmp_path / "late.png").exit_code == 0


def test_at_most_five_windows_are_drawn(run, bundle, tmp_path):
    from perceiver_cli.explain.explanation import explain
    from perceiver_cli.inference.classifier import Classifier
    from perceiver_cli.media.source import Source

    path = make_sound(tmp_path / "long.wav", 20.0)
    found = explain(Source(str(path)), Classifier())
    assert len(found.windows) == 5
    scores = {segment["start_s"]: segment["score"] for segment in found.result.segments}
    drawn = [scores[round(window.span_s[0], 3)] for window in found.windows]
    assert max(drawn) == max(scores.values())
