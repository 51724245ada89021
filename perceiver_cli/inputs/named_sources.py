"""Creates the Source for the name of an input."""

from __future__ import annotations

from urllib.parse import urlsplit

from perceiver_cli.inputs.archives import MemberSource
from perceiver_cli.inputs.names import is_url, scheme_of, split_member
from perceiver_cli.inputs.remote import RemoteSource
from perceiver_cli.media.source import Source


def named_source(name: str, modality: str | None = None) -> Source:
    """The source for a name: a path on disk, a member of an archive, or a URL.

    Args:
        name: As in records.
        modality: Required modality of the input, if any.
    """
    if not is_url(name):
        return Source(name, modality=modality)
    if parts := split_member(name):
        archive = named_source(parts.archive)
        return MemberSource(
            name, modality=modality, archive=archive, kind=parts.kind, member=parts.member
        )
    if scheme_of(name) == "file":
        from urllib.request import url2pathname  # brings along http and ssl

        return Source(url2pathname(urlsplit(name).path), modality=modality)
    return RemoteSource(name, modality=modality)
