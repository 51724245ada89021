"""Tests that need a real process: pipes, signals, terminals, encodings, imports."""

import errno
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import typer

from perceiver_cli.cli.exit_codes import exit_on_errors
from perceiver_cli.errors import shortage_in_words
from tests.samples import make_picture, make_sound

COMMAND = [sys.executable, "-m", "perceiver_cli"]
ROOT = Path(__file__).parent.parent.parent
HEAVY = {"torch", "numpy", "av", "PIL", "soundfile", "trimesh", "safetensors", "rich"}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        make_picture(tmp_path / f"{number}.png")


@pytest.mark.parametrize("arguments", [["--help"], ["classify", "-h"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    code = f"""
import sys
sys.argv = ["perceiver", *{arguments}]
from perceiver_cli.cli import main
try:
    main()
finally:
    print({{name.partition(".")[0] for name in sys.modules}} & {HEAVY}, file=sys.stderr)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert outcome.stdout
    assert outcome.stderr.strip() == "set()"


def test_a_closed_pipe_ends_quietly(pictures, weights):
    call = [*COMMAND, "classify", ".", "--format", "jsonl", "-q", "--model", weights["image"]]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize(
    ("closed", "code", "label"),
    [(">&-", 2, False), ("2>&-", 0, True), ("<&-", 0, True), ("<&- >/dev/full", 4, False)],
)
def test_closed_standard_streams(pictures, weights, closed, code, label):
    words = " ".join(COMMAND)
    call = f"{words} classify 0.png --format labels --model {weights['image']} {closed}"
    outcome = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
    assert outcome.returncode == code
    assert bool(outcome.stdout) == label
    assert len(outcome.stderr.splitlines()) == (code != 0)


@pytest.mark.parametrize("call", ["classify -", "classify --files-from -", "inspect -"])
def test_a_closed_standard_input_is_said(call):
    outcome = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {call} <&-"], capture_output=True, text=True
    )
    told = "perceiver: standard input is closed\n"
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (2, "", told)


def test_options_that_end_the_call_cannot_be_written_either():
    call = f"{' '.join(COMMAND)} --version > /dev/full"
    outcome = subprocess.run(["bash", "-c", call], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stderr) == (4, "perceiver: No space left on device\n")


def test_an_interrupt_is_exit_code_130(pictures, weights):
    os.mkfifo("names")
    call = [*COMMAND, "classify", "--files-from", "names", "-o", "out.json"]
    call += ["--model", str(weights["image"])]
    process = subprocess.Popen(call, stderr=subprocess.PIPE)
    # Opens once the command reads it; then the command waits for names.
    with process, open("names", "wb"):
        process.send_signal(signal.SIGINT)
        told, ended = process.stderr.read().splitlines()
        assert told.startswith(b"perceiver: a run with --resume JOURNAL.jsonl can be continued")
        assert ended == b"perceiver: interrupted"
    assert process.returncode == 130
    assert not [name for name in os.listdir() if name.endswith((".part", ".json"))]


@pytest.mark.parametrize("before", [b"the page of a complete run", None])
def test_an_interrupted_run_writes_no_page(pictures, weights, before):
    os.mkfifo("names")
    if before:
        Path("page.html").write_bytes(before)
    call = [*COMMAND, "classify", "--files-from", "names", "--report", "page.html"]
    call += ["--model", str(weights["image"]), "--format", "labels"]
    process = subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process, open("names", "wb") as names:
        names.write(b"0.png\n")
        names.flush()
        assert process.stdout.readline().startswith(b"0.png\t")
        process.send_signal(signal.SIGINT)
        told = process.stderr.read().splitlines()
        assert told[0] == b"perceiver: page.html was not written"
        assert told[-1] == b"perceiver: interrupted"
    assert process.returncode == 130
    assert (Path("page.html").read_bytes() if os.path.exists("page.html") else None) == before


@pytest.mark.parametrize("start", ["installed", "module"])
def test_an_interrupt_during_the_first_imports_is_exit_code_130(tmp_path, start):
    (tmp_path / "typer.py").write_text(
        # A process in the background may ignore the signal, as its parent does.
        "import os, signal, time\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "os.kill(os.getpid(), signal.SIGINT)\ntime.sleep(60)\n"
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["perceiver"].partition(":")
    script = [sys.executable, "-c", f"from {module} import {function}; {function}()"]
    outcome = subprocess.run(
        [*(COMMAND if start == "module" else script), "classify", "0.png"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert outcome.returncode == 130
    assert outcome.stderr == "perceiver: interrupted\n"


def test_termination_leaves_no_part_of_an_output(pictures, weights):
    os.mkfifo("names")
    call = [*COMMAND, "classify", "--files-from", "names", "-o", "out.json"]
    call += ["--model", str(weights["image"])]
    before = set(os.listdir())
    process = subprocess.Popen(call, stderr=subprocess.PIPE)
    with process, open("names", "wb") as names:
        names.write(b"0.png\n")
        names.flush()
        while set(os.listdir()) == before:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.stderr.read() == b""
    assert process.returncode == 143
    assert set(os.listdir()) == before


def test_termination_does_not_wait_for_what_hangs(pictures, weights):
    os.mkfifo("names")
    (modules := Path("modules")).mkdir()
    hangs = "import ctypes\nopen('decoding', 'w').close()\nctypes.CDLL(None).sleep(600)\n"
    (modules / "soundfile.py").write_text(hangs)
    make_sound(Path("a.wav"))
    call = [*COMMAND, "classify", "a.wav", "-o", "out.json", "--model", weights["audio"]]
    environment = os.environ | {"PYTHONPATH": f"modules:{os.environ.get('PYTHONPATH', '')}"}
    with subprocess.Popen(call, stderr=subprocess.PIPE, env=environment) as process:
        while not os.path.exists("decoding"):
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert not [name for name in os.listdir() if name.endswith((".part", ".json"))]


@pytest.mark.parametrize(
    "output",
    ["-o /dev/stdout | cat", "-o /dev/fd/1 | cat", "-o >(cat)", "-o /dev/stdout", "-o /dev/fd/1"],
)
def test_an_output_that_is_open_is_written_to(pictures, weights, output):
    options = f"--model {weights['image']} --format labels"
    call = f"echo before; {' '.join(COMMAND)} classify 0.png {options} {output}"
    with open("out", "wb") as out:
        outcome = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {call}; wait $!"],
            stdout=out, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert (outcome.returncode, outcome.stderr) == (0, b"")
    lines = Path("out").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["before", "0.png"]


@pytest.mark.parametrize(
    ("output", "redirection"),
    [
        ("/dev/stdout", ">>out"),
        ("/dev/fd/1", ">>out"),
        ("/proc/self/fd/1", ">>out"),
        ("/dev/fd/3", "3>>out"),
        ("/dev/stderr", "2>>out"),
    ],
)
def test_an_open_file_keeps_what_it_holds(pictures, weights, output, redirection):
    Path("out").write_text("before\n")
    call = f"{' '.join(COMMAND)} classify 0.png -q --model {weights['image']} --format labels"
    subprocess.run(["bash", "-c", f"{call} -o {output} {redirection}"], check=True, timeout=60)
    lines = Path("out").read_text().splitlines()
    assert [line.split("\t")[0] for line in lines] == ["before", "0.png"]


def test_a_descriptor_that_is_not_open(pictures, weights, perceiver):
    outcome = perceiver("classify", "0.png", "--model", weights["image"], "-o", "/dev/fd/77")
    assert outcome.returncode == 2
    assert outcome.stderr == b"perceiver: cannot write /dev/fd/77: Bad file descriptor\n"


def test_a_page_to_a_pipe(pictures, weights):
    call = f"{' '.join(COMMAND)} classify 0.png -q --model {weights['image']} -o labels.jsonl"
    report = f"{' '.join(COMMAND)} report labels.jsonl --no-pictures -o /dev/stdout"
    outcome = subprocess.run(["bash", "-c", f"{call}; {report} | cat"], capture_output=True)
    assert outcome.stdout.startswith(b"<!doctype html>")
    assert outcome.stderr == b""


def test_a_second_interrupt_leaves_at_once(tmp_path, monkeypatch, weights):
    """The decoder hangs in the process itself, as it may with a single file."""
    monkeypatch.chdir(tmp_path)
    make_sound(tmp_path / "a.wav")
    (tmp_path / "modules").mkdir()
    hangs = "import time\nclass SoundFile:\n    def __init__(self, _):\n"
    hangs += "        open('decoding', 'w').close()\n        time.sleep(600)\n"
    (tmp_path / "modules" / "soundfile.py").write_text(hangs)
    call = [*COMMAND, "classify", "a.wav", "--model", weights["audio"]]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "modules")}
    with subprocess.Popen(call, stderr=subprocess.PIPE, env=environment) as process:
        while not os.path.exists("decoding"):
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGINT


def test_a_list_gets_each_result_before_its_next_line(pictures, weights):
    call = [*COMMAND, "classify", "--files-from", "-", "--format", "labels"]
    call += ["--model", weights["image"]]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for number in range(3):
            process.stdin.write(b"%d.png\n" % number)
            process.stdin.flush()
            assert process.stdout.readline().startswith(b"%d.png\t" % number)
        process.stdin.close()
    assert process.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="limits differ")
@pytest.mark.parametrize("limit", [16, 9])
def test_a_run_that_is_short_of_files_goes_on_and_says_so(pictures, weights, limit):
    for number in range(3, 6):
        make_picture(Path(f"{number}.png"))
    names = [f"{number}.png" for number in range(6)]
    call = [*COMMAND, "classify", *names, "--format", "labels", "--model", str(weights["image"])]
    call = ["sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *call]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    advice = "too many open files: raise the limit, such as with `ulimit -n 1024`"
    failed = [line for line in done.stderr.splitlines() if line.endswith(advice)]
    assert "Traceback" not in done.stderr
    assert len(done.stdout.splitlines()) + len(failed) == len(names)
    assert done.returncode == (1 if failed else 0)


def test_a_thread_that_cannot_start_is_said(capsys):
    with pytest.raises(typer.Exit) as ended, exit_on_errors():
        raise RuntimeError("can't start new thread")  # as Python says it
    assert ended.value.exit_code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("perceiver: no more processes or threads can start: raise the limit")


@pytest.mark.parametrize(
    ("number", "command"),
    [("EMFILE", "ulimit -n"), ("ENFILE", "ulimit -n"), ("EAGAIN", "ulimit -u")],
)
def test_what_is_short_is_said(number, command):
    assert command in shortage_in_words(OSError(getattr(errno, number), "short"))
    assert shortage_in_words(OSError(errno.ENOENT, "missing")) is None


def test_a_list_of_an_editor_of_windows_is_read(run, pictures, weights):
    Path("names.txt").write_bytes(b"\xef\xbb\xbf0.png\r\n1.png\r\n")
    call = ("classify", "--files-from", "names.txt", "--format", "labels", "--model")
    outcome = run(*call, weights["image"])
    assert outcome.exit_code == 0
    assert [line.split("\t")[0] for line in outcome.stdout.splitlines()] == ["0.png", "1.png"]


def test_a_list_that_goes_on_does_not_keep_a_run_that_ends(pictures, weights):
    call = [*COMMAND, "classify", "--files-from", "-", "--fail-fast", "--model", weights["image"]]
    with subprocess.Popen(call, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(b"missing.png\n")
        process.stdin.flush()
        told = process.stderr.read()
    assert process.returncode == 1
    assert b"missing.png: no such file" in told
    assert b"Fatal" not in told


def test_a_message_is_written_at_once(pictures):
    # Datagrams keep the bounds of the writes, between which another process could write.
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, theirs:
        call = [*COMMAND, "classify", "missing.png"]
        assert subprocess.run(call, stderr=theirs, check=False, timeout=60).returncode == 1
        assert ours.recv(1000).startswith(b"perceiver: missing.png: ")
        with pytest.raises(BlockingIOError):
            ours.recv(1000, socket.MSG_DONTWAIT)


def test_a_full_disk_is_one_line(pictures, weights):
    call = [*COMMAND, "classify", "0.png", "--model", weights["image"]]
    with open("/dev/full", "wb") as full:
        outcome = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert outcome.returncode == 4
    assert outcome.stderr == b"perceiver: No space left on device\n"


def test_no_room_for_a_drawing_costs_no_result_and_leaves_no_part(pictures, weights):
    """The largest file that the process may write is as small as the room on a full disk."""
    make_picture(Path("0.png"), 451, 300)
    call = f"{' '.join(COMMAND)} classify 0.png 1.png --explain seen --model {weights['image']}"
    call = f"ulimit -f 1; exec {call} --format labels"
    outcome = subprocess.run(
        ["bash", "-c", call], capture_output=True, text=True, timeout=60, check=False
    )
    assert outcome.returncode == 4
    assert outcome.stdout.startswith("0.png\t")
    assert outcome.stderr == "perceiver: seen/0.png.jpg: File too large\n"
    assert os.listdir("seen") == []


def test_no_room_for_a_page_is_told_with_its_name(pictures, weights):
    call = f"{' '.join(COMMAND)} classify 0.png --report page.html --model {weights['image']}"
    outcome = subprocess.run(
        ["bash", "-c", f"ulimit -f 1; exec {call} --format labels"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert outcome.returncode == 4
    assert outcome.stdout.startswith("0.png\t")
    assert outcome.stderr == "perceiver: page.html: File too large\n"
    assert not os.path.exists("page.html")


@pytest.mark.skipif(
    os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may do anything"
)
@pytest.mark.parametrize(
    ("output", "told"), [("--explain locked", "locked"), ("-o locked/a.json", "locked/a.json")]
)
def test_a_folder_without_permission_is_told_before_the_work(pictures, weights, output, told):
    Path("locked").mkdir(mode=0o500)
    without = "setpriv --bounding-set -dac_override,-dac_read_search" if os.geteuid() == 0 else ""
    call = f"{without} {' '.join(COMMAND)} classify 0.png {output} --model {weights['image']}"
    outcome = subprocess.run(call.split(), capture_output=True, text=True, timeout=60, check=False)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert outcome.stderr == f"perceiver: cannot write {told}: no permission\n"


def test_names_outside_the_terminals_encoding(pictures, perceiver, weights):
    name = os.fsdecode("né".encode() + b"\xff.png")
    os.rename("0.png", name)
    outcome = perceiver(
        "classify", name, "1.png", "missing é.png", "--model", weights["image"],
        env={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    )  # fmt: skip
    assert outcome.returncode == 1
    assert outcome.stdout.isascii()
    assert b"\\xff.png" in outcome.stdout
    assert b"no such file" in outcome.stderr


@pytest.mark.parametrize("plain", [False, True])
def test_colour_on_a_terminal(pictures, weights, plain):
    """There is none with NO_COLOR; no line is wider than the terminal in either case."""
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    environment |= {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if plain else {})
    main, terminal = pty.openpty()
    call = [*COMMAND, "classify", "0.png", "--model", weights["image"]]
    with subprocess.Popen(call, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        while block := _read(main):
            shown += block
    assert process.returncode == 0
    assert bool(re.search(rb"\x1b\[(\d+;)*3\dm", shown)) is not plain
    assert b"cross-attend" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(("columns", "widest"), [("0", 80), ("-3", 80), ("wide", 80), ("1", 30)])
def test_a_width_that_makes_no_sense(pictures, perceiver, weights, columns, widest):
    call = ("classify", "0.png", "--model", weights["image"])
    lines = perceiver(*call, env={"COLUMNS": columns}).stdout.decode().splitlines()
    assert lines[0].startswith("0.png")
    assert "" not in lines
    assert widest - 15 <= max(map(len, lines)) <= widest


@pytest.mark.parametrize("name", ["0.png", "."])
def test_paths_are_whole_in_a_pipe(pictures, perceiver, weights, tmp_path, name):
    folder = tmp_path / ("long name " * 8) / ("of a folder " * 8)
    folder.mkdir(parents=True)
    os.rename("0.png", folder / "0.png")
    make_picture(folder / "1.png")
    call = ("classify", folder / name, "--model", weights["image"])
    lines = perceiver(*call, env={"COLUMNS": ""}).stdout.decode().splitlines()
    assert [line for line in lines if line.startswith(str(folder / "0.png"))]
    narrow = perceiver(*call, env={"COLUMNS": "60"}).stdout.decode().splitlines()
    assert max(map(len, narrow)) <= 60
