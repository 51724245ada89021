"""Names of inputs: URLs, members of archives, and credentials that are never shown."""

from pathlib import Path

import pytest

from perceiver_cli.errors import InputError
from perceiver_cli.inputs.archives import MemberSource
from perceiver_cli.inputs.named_sources import named_source
from perceiver_cli.inputs.names import (
    archive_kind,
    member_name,
    split_member,
    without_credentials,
)
from perceiver_cli.inputs.remote import RemoteSource


def test_a_local_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s3:/bucket").mkdir(parents=True)
    Path("s3:/bucket/a.jpg").write_bytes(b"here")
    source = named_source("s3://bucket/a.jpg")
    assert type(source) is not RemoteSource
    assert source.open().read() == b"here"
    assert isinstance(named_source("s3://bucket/b.jpg"), RemoteSource)


def test_names_of_members_can_be_taken_apart():
    for archive in ("a.tar.gz", "s3://bucket/00012.tar", "https://example.org/x.zip"):
        for member in ("a.jpg", "folder/a b.jpg"):
            name = member_name("tar", member, archive)
            assert split_member(name) == ("tar", member, archive)
    assert split_member("tar://a::b.jpg::s3://c/d.tar") == ("tar", "a::b.jpg", "s3://c/d.tar")
    assert split_member("s3://bucket/a::b") is None
    assert isinstance(named_source("zip://a.jpg::b.zip"), MemberSource)


def test_file_urls_are_paths():
    assert named_source("file:///a%20b.jpg").path == "/a b.jpg"


def test_file_urls_are_paths_as_the_system_writes_them(monkeypatch):
    windows = pytest.importorskip("nturl2path")
    monkeypatch.setattr("urllib.request.url2pathname", windows.url2pathname)
    assert named_source("file:///C:/a%20b.jpg").path == "C:\\a b.jpg"


def test_archives_are_told_by_their_ending():
    names = ("A.TAR", "b.tgz", "c.tar.xz", "d.zip", "e.npz")
    assert [archive_kind(name) for name in names] == ["tar", "tar", "tar", "zip", None]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ftp://me:secret@host/a.jpg", "ftp://***@host/a.jpg"),
        (
            "https://h/a?X-Amz-Signature=abc&part=2&X-Amz-Credential=k",
            "https://h/a?X-Amz-Signature=***&part=2&X-Amz-Credential=***",
        ),
        ("https://h/a?sv=1&sig=abc failed", "https://h/a?sv=1&sig=*** failed"),
        ("s3://bucket/me@home/a.jpg", "s3://bucket/me@home/a.jpg"),
    ],
)
def test_credentials_are_not_shown(text, shown):
    assert without_credentials(text) == shown


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("foo://bucket/a.jpg", "unsupported", "unsupported URL scheme foo://"),
        ("reference://a.json", "unsupported", "unsupported URL scheme reference://"),
        ("simplecache::s3://bucket/a", "unreadable", "no such file"),
        ("memory://nowhere.jpg", "unreadable", "not found"),
        ("zip://a.jpg", "unsupported", "^name a member of an archive as zip://MEMBER::ARCHIVE$"),
        ("tar://", "unsupported", "^name a member of an archive as tar://MEMBER::ARCHIVE$"),
    ],
)
def test_what_cannot_be_opened_is_told_in_one_line(name, kind, says):
    with pytest.raises(InputError, match=says) as failure:
        named_source(name).fetched().open()
    assert failure.value.kind == kind


def test_a_package_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(InputError, match=r"gs:// requires gcsfs \(pip install gcsfs\)") as failure:
        named_source("gs://bucket/a.jpg").open()
    assert failure.value.kind == "missing_library"


def test_the_command_names_a_missing_scheme_and_goes_on(run, bundle, media):
    outcome = run("classify", "foo://me:secret@host/a.jpg", media["image"], "--format", "labels")
    assert outcome.exit_code == 1
    assert "foo://***@host/a.jpg: unsupported URL scheme foo://" in outcome.stderr
    assert len(outcome.stdout.splitlines()) == 1
