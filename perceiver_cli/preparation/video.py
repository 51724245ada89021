"""Videos: square frames at the model's size, with the sound of the same seconds."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from perceiver_cli.media.source import Source, WindowRange
from perceiver_cli.media.specs import VideoSpec
from perceiver_cli.media.types import Media, Video, VideoWindow
from perceiver_cli.media.windows import Coverage
from perceiver_cli.preparation.audio import AudioRecipe, fit_samples, without_offset
from perceiver_cli.preparation.base import Preparation, Preview, ReadOptions, Window
from perceiver_cli.preparation.image import square_location
from perceiver_cli.preparation.resampling import (
    Resample,
    centre_square,
    read_square,
)
from perceiver_cli.preparation.signal import frame_levels, sound_signal, square_signal
from perceiver_cli.settings import (
    Count,
    Depth,
    FourierBands,
    JpegQuality,
    Positive,
    Share,
    Side,
    WindowSeconds,
)


@dataclass(frozen=True)
class VideoRecipe:
    """The recipe for converting a video to byte arrays, with or without sound.

    Attributes:
        modality: "av".
        frames: Frames of a window, evenly spaced over window_s.
        window_s: Seconds that the model reads at once.
        max_windows: Number of windows of a longer video that are read.
        size: Side of the centre square in pixels.
        crop: Share of the shorter side that the centre crop keeps.
        mean: Mean of RGB in [0, 1].
        std: Standard deviation of RGB in [0, 1].
        chroma: See ImageRecipe.
        patch_frames: Frames in one element.
        patch: Side of an element's patch in pixels.
        values: See ImageRecipe.
        bands: See fourier.Bands, as for the two that follow.
        highest: Highest frequency.
        spacing: How the frequencies are spaced.
        resample: See resampling.resample.
        jpeg: See ImageRecipe.
        audio: The recipe of the window's sound; None for video alone.
    """

    modality: Literal["av"] = "av"
    frames: Depth = 8
    window_s: WindowSeconds = 2.0
    max_windows: Count = 4
    size: Side = 64
    crop: Share = 1.0
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[Positive, Positive, Positive] = (0.229, 0.224, 0.225)
    chroma: Literal["full", "half"] = "full"
    patch_frames: Count = 2
    patch: Count = 4
    values: Literal["pixels", "cosines"] = "pixels"
    bands: FourierBands = 8
    highest: Positive | tuple[Positive, Positive, Positive] = 8.0
    spacing: Literal["linear", "log"] = "linear"
    resample: Resample = "bicubic"
    jpeg: JpegQuality = 0
    audio: AudioRecipe | None = field(default_factory=AudioRecipe)


@dataclass(frozen=True)
class VideoPreparation(Preparation):
    """Cuts a video into windows with the streams "video" and, if there is sound, "audio".

    Attributes:
        recipe: The recipe.
        shown_side: Shorter side of a second copy of the frames for people; 0: no copy.
        coverage: How much of the video is read.
        max_windows: Number of evenly spaced windows, instead of the recipe's number.
    """

    recipe: VideoRecipe
    shown_side: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    max_windows: int | None = None

    @property
    def needs(self) -> VideoSpec:
        """What the loader must return."""
        return VideoSpec(
            frames=self.recipe.frames,
            window_s=self.recipe.window_s,
            max_windows=self.max_windows or self.recipe.max_windows,
            short_side=round(2 * self.recipe.size / self.recipe.crop),
            sound_rate=self.recipe.audio.rate if self.recipe.audio else None,
            coverage=self.coverage,
            shown_side=self.shown_side,
        )

    def load(self, source: Source, format: str) -> Video:
        """See Preparation."""
        from perceiver_cli.media.video import load_video

        return load_video(source, format, self.needs)

    def windows(self, media: Media) -> list[Window]:
        """Video -> per window "video": uint8 [T, S, S, 3] and, with sound, "audio": float32 [S]."""
        assert isinstance(media, Video)
        return [self._window(media, window) for window in media.windows]

    def for_preview(self, picture_side: int, frame_side: int) -> VideoPreparation:
        """See Preparation."""
        return replace(self, shown_side=frame_side)

    def for_stream(self, modality: str) -> VideoPreparation:
        """See Preparation. The pictures are read alone."""
        return replace(self, recipe=replace(self.recipe, audio=None))

    def for_reading(self, read_options: ReadOptions, part: WindowRange | None) -> VideoPreparation:
        """See Preparation. A video is read whole only for a time-line."""
        coverage = read_options.coverage(self.recipe.window_s, 0.0, part)
        return replace(self, coverage=coverage, max_windows=read_options.windows)

    def preview(self, media: Media) -> Preview:
        """See Preparation."""
        assert isinstance(media, Video)
        shown = (w.frames if w.shown is None else w.shown for w in media.windows)
        return Preview(tuple(shown), (media.width, media.height))

    def _window(self, media: Video, window: VideoWindow) -> Window:
        height, width = window.frames.shape[1:3]
        recipe = self.recipe
        square = centre_square(height, width, recipe.crop, round_up=False)
        frames = [
            read_square(
                frame, square, recipe.size, recipe.resample, crop=recipe.crop, jpeg=recipe.jpeg
            )
            for frame in window.frames
        ]
        arrays = {"video": np.stack(frames)}
        signal = square_signal(arrays["video"], window.frames)
        heard_s = 0.0
        audio, sound, rate = self.recipe.audio, window.sound, media.sound_rate
        # A silent track has no information; the model is also trained on clips without sound.
        if audio and rate and sound is not None and sound_signal(sound, rate) == "present":
            arrays["audio"] = fit_samples(without_offset(sound), audio.samples)
            heard_s = len(sound) / rate
            signal = "present"
        location = square_location(media.width / width, media.height / height, square) | {
            "index": window.index,
            "times_s": window.times_s,
            "start_s": window.start_s,
            "length_s": min(heard_s, self.recipe.window_s),
        }
        if media.read_whole and rate and sound is not None:
            location |= {"levels": frame_levels(sound, rate), "levels_start_s": window.start_s}
        return Window(arrays, location, signal)
