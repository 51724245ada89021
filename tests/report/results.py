"""Results as the classifier gives them, made by hand."""

from __future__ import annotations

from perceiver_cli.results import (
    Answer,
    AttentionStats,
    Classification,
    CrossAttendStats,
    Failure,
    Focus,
    InputFailure,
    Prediction,
)

PICTURE = {"width": 451, "height": 300, "format": "JPEG", "mode": "RGB"}


def attention(share: dict[str, float], where: dict, times: int = 2) -> AttentionStats:
    """Statistics of a few cross-attends that all looked at one place."""
    return AttentionStats(
        [
            CrossAttendStats(
                entropy_bits=7.103,
                effective_elements=137.24,
                peak=0.0412,
                mass_top_1pct=0.2134,
                drift_bits=None if number == 0 else 0.312,
                share=share,
                focus=[Focus(where, 0.1234)],
                effective_together=205.1,
            )
            for number in range(times)
        ]
    )


def classified(path: str = "photo.jpg", **changes) -> Classification:
    """A picture of a cat, or whatever the changes make of it."""
    values = {
        "modality": "image",
        "detected_by": "JPEG header",
        "model": "pictures",
        "predictions": [
            Prediction("Egyptian cat", 7, "n02124075", 0.8312, "cat", "animal"),
            Prediction("tabby", 3, "n02123045", 0.0734, "cat", "animal"),
        ],
        "answer": Answer("Egyptian cat", "class", 0.8312),
        "confident": True,
        "input": PICTURE,
        "byte_array": {"elements": 1024, "channels": 113},
        "attention": attention({"image": 1.0}, {"x0": 120, "y0": 40, "x1": 200, "y1": 120}),
        "seconds": {"load": 0.01, "model": 0.05},
    }
    return Classification(path, **(values | changes))


def unsure(path: str = "photo.jpg", **changes) -> Classification:
    """The same without an answer."""
    return classified(path, **({"answer": None, "confident": False} | changes))


def failed(path: str = "cut.jpg") -> Failure:
    """A picture that is cut off."""
    return Failure(path, InputFailure("corrupt", "the data is cut off, or damaged"))
