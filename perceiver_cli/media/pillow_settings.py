"""Settings of Pillow for loaders, restored afterwards."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, ContextDecorator, contextmanager
from types import TracebackType

from perceiver_cli.media.libtiff import silent_libtiff
from perceiver_cli.media.limits import MAX_PIXELS


class _QuietPillow(ContextDecorator):
    """Disables warnings and logs of Pillow, and permits pictures of MAX_PIXELS.

    The settings are global to the process. They are made when the first thread enters, and restored
    when the last one leaves. InputErrors report what matters of Pillow's messages.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._settings: AbstractContextManager[None] = _settings()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._settings = _settings()
                self._settings.__enter__()
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._settings.__exit__(None, None, None)


@contextmanager
def _settings() -> Iterator[None]:
    from PIL import Image

    logger = logging.getLogger("PIL")
    level, largest = logger.level, Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(), silent_libtiff():
        warnings.filterwarnings("ignore", module=r"PIL(\.|$)")
        logger.setLevel(logging.CRITICAL)
        # Pillow refuses twice this many, as with its default limit.
        Image.MAX_IMAGE_PIXELS = (MAX_PIXELS + 1) // 2
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = largest
            logger.setLevel(level)


quiet_pillow = _QuietPillow()
