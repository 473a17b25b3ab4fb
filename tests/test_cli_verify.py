"""`wstune verify` as a command: its arguments, its progress, where its report goes, its exit codes."""

from __future__ import annotations

import io
import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.samples_verify import CASES as SAMPLES
from wstune.actions.around import Around
from wstune.actions.verify_options import Progress, VerifyOptions
from wstune.actions.verify_outcome import BurstFinished, BurstInterrupted, BurstLost, BurstRefused, Outcome
from wstune.cli import live, verify_options
from wstune.cli.main import run
from wstune.errors import InconclusiveError, RollbackError, UsageError

COMMAND = [sys.executable, "-m", "wstune", "verify", "host"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("30", 30), ("1.5", 1.5), ("90s", 90), ("10m", 600), ("2h", 7200), ("0.5m", 30)],
)
def test_hold_takes_units(text: str, seconds: float) -> None:
    """A bare number is seconds; s, m and h are understood."""
    assert verify_options.hold(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1", "ten", "1d", "1.2.3", "nan", "inf", "1e9", "٣", "999h"])
def test_hold_refuses_the_rest(text: str) -> None:
    """Anything else is a usage error, and so is more than a week."""
    with pytest.raises(UsageError, match="--hold"):
        verify_options.hold(text)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "", "٣"])
def test_port_refuses_what_is_none(text: str) -> None:
    """A port is a number from 1 to 65535."""
    with pytest.raises(UsageError, match="--port"):
        verify_options.port(text)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["localhost"], "there is no target 'localhost'", id="a-host-name"),
        pytest.param([""], "there is no target ''", id="nothing"),
        pytest.param(["Host"], "there is no target 'Host'", id="other-case"),
        pytest.param(["http://127.0.0.1/"], "there is no target 'http://127.0.0.1/'", id="http"),
        pytest.param(["ws://:3000/"], "there is no target 'ws://:3000/'", id="no-host"),
        pytest.param(["ws://127.0.0.1:99999/"], "is not a URL", id="no-port"),
        pytest.param(["ws://192.0.2.1/", "-n", "5"], "is not this host's", id="somebody-elses"),
        pytest.param(["ws://no.such.host.invalid/"], "cannot be resolved", id="no-such-host"),
        pytest.param(["ws://..:1/"], "'..' is not a host name", id="no-host-name"),
        pytest.param([f"ws://{'a' * 300}:1/"], "is not a host name", id="long-host-name"),
        pytest.param(["host", "--hosts", ".."], "'..' is no machine", id="hosts-dots"),
        pytest.param(["host", "--hosts", "a" * 300], "is no machine", id="hosts-long"),
        pytest.param(
            ["host", "--hosts", "a", "--serve-on", ".."], "--serve-on: '..' is no machine", id="serve-on-dots"
        ),
        pytest.param(["host", "--cluster", "tls://..:8786"], "expected local:N or tls://HOST:PORT", id="cluster-dots"),
        pytest.param(["host", "--buffers", "much"], "--buffers", id="buffers"),
        pytest.param(["host", "--buffers", "2000G"], "expected at most 1024G", id="many-buffers"),
        pytest.param(["host", "--rate", "0"], "--rate", id="rate-0"),
        pytest.param(["host", "--rate", "10:5,", "-n", "100"], "--rate", id="rate-of-nothing"),
        pytest.param(["host", "--talkers", "-1"], "--talkers", id="talkers"),
        pytest.param(["host", "--message-size", "5"], "--message-size", id="message-size"),
        pytest.param(["host", "--source", "here"], "--source", id="source"),
        pytest.param(["host", "--header", "no colon"], "--header", id="header"),
        pytest.param(["host", "--close", "slowly"], "--close", id="close"),
        pytest.param(["host", "--around", "high-conn", "--find-max"], "two different questions", id="two-questions"),
        pytest.param(["host", "--baseline", "/no/such/file"], "--baseline", id="baseline"),
        pytest.param(["host", "--slo", "0"], "--slo", id="slo"),
        pytest.param(["host", "--fanout", "x"], "--fanout", id="fanout"),
        pytest.param(["host", "--time-limit", "0"], "--time-limit", id="time-limit"),
        pytest.param(["host", "-n", "0"], "-n 0", id="none"),
        pytest.param(["host", "-n", "-5"], "-5", id="negative"),
        pytest.param(["host", "-n", "1000000M"], "no host holds so many", id="absurd"),
        pytest.param(["host", "-n", "many"], "-n", id="a-word"),
        pytest.param(["host", "--processes", "0"], "--processes 0", id="no-process"),
        pytest.param(["host", "--profile", "hihg-conn"], "hihg-conn", id="no-such-profile"),
        pytest.param(["host", "-o", "/nowhere/at/all.json"], "/nowhere/at/all.json", id="no-such-directory"),
        pytest.param(["host", "--formt", "json"], "--formt", id="no-such-option"),
        pytest.param([], "TARGET", id="no-target"),
    ],
)
def test_bad_input(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is one sentence and a tip, exit 2, before anything is opened."""
    assert run(["verify", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    error, tip = err.splitlines()
    assert error.startswith("ERROR ")
    assert sentence in error
    assert tip.startswith("TIP   ")


class Terminal(io.StringIO):
    """Somebody who sits there and types this."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "yes please\n"])
def test_load_on_somebody_elses_address_has_to_be_meant(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is asked first; whatever is not yes is no, and nothing is opened."""
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert run(["verify", "ws://192.0.2.1:3000/", "-n", "5"]) == 2
    assert "192.0.2.1 is not this host's. Open connections to it? [y/N] " in capsys.readouterr().err


@pytest.mark.parametrize("extra", [[], ["--yes"], ["--rate", "50"]], ids=["asked", "told", "with a rate"])
def test_whoever_means_it_gets_a_burst_of_bounded_rate(extra: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 a second unless it is told; nothing of it to one's own host, which is not asked about either."""
    chosen: list[VerifyOptions] = []

    def burst(options: VerifyOptions, *_: object) -> Outcome:
        chosen.append(options)
        return BurstFinished(SAMPLES["verify-confirmed"])

    monkeypatch.setattr("wstune.actions.verify.run", burst)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run(["verify", "ws://192.0.2.1:3000/", "-n", "500", "-q", *extra]) == 0
    assert chosen[0].phases == ((50.0, 50.0, 500) if "--rate" in extra else (1000.0, 1000.0, 500),)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["verify", "ws://127.0.0.1:3000/", "-n", "500", "-q"]) == 0
    assert chosen[1].phases == ()


@pytest.mark.parametrize(
    ("ended", "code"),
    [
        (BurstFinished(SAMPLES["verify-missed"]), 1),
        (BurstLost(SAMPLES["verify-worker-lost"]), 3),
        (BurstInterrupted(SAMPLES["verify-interrupted"], 15), 143),
        (BurstRefused(InconclusiveError("no room")), 3),
        (BurstRefused(UsageError("port 80 is in use")), 2),
    ],
    ids=["missed", "lost", "interrupted", "no room", "in use"],
)
def test_how_a_burst_ended_is_the_exit_code(
    ended: Outcome, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its report, or, where nothing was opened, with the error alone."""
    monkeypatch.setattr("wstune.actions.verify.run", lambda *_: ended)
    assert run(["verify", "host", "-n", "500", "-q"]) == code
    told = capsys.readouterr()
    assert bool(told.out) == (not isinstance(ended, BurstRefused))
    assert bool(told.err) == isinstance(ended, BurstRefused)


@pytest.mark.parametrize(
    ("ended", "code", "told"),
    [
        (BurstFinished(SAMPLES["verify-confirmed"]), 5, ["0007 is not whole"]),
        (BurstInterrupted(SAMPLES["verify-interrupted"], 15), 5, []),
        (BurstRefused(InconclusiveError("no room")), 5, ["0007 is not whole"]),
    ],
    ids=["finished", "interrupted", "refused"],
)
def test_what_could_not_be_taken_back_is_the_exit_code(
    ended: Outcome, code: int, told: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever became of the burst after it; the report of an interrupted one says it itself."""
    both = Around(SAMPLES["verify-missed"], ended, "0007", False, RollbackError("0007 is not whole", "look"))
    monkeypatch.setattr("wstune.actions.around.around", lambda *_, **__: both)
    arguments = ["verify", "host", "-n", "500", "-q", "--around", "high-conn", "--rollback", "--yes"]
    assert run(arguments) == code
    assert [line for line in told if line not in capsys.readouterr().err] == []


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress("start", 61_189), "0/61,189"),
        (Progress("open", 61_189, 12_000, 0, 0, 0.5, 27_123.4, 21 << 30), "12,000/61,189 27,123/s eta 2s 21.0G free"),
        (Progress("hold", 1_000_000, 999_000, 1_000, 12), "999,000/1,000,000 1,000 failed 12 lost"),
    ],
)
def test_figures(progress: Progress, text: str) -> None:
    """Progress shows what counts: open of target, the rate while opening, failures once there are any, memory."""
    assert live.figures(progress) == text


def test_the_curve_is_as_high_as_the_share_of_the_target() -> None:
    """Nothing is blank, a little is a low block, the target is a full one."""
    curve = live.Curve(8)
    for number in (0, 1, 500, 1000):
        curve.add(number)
    assert curve.text(1000) == " ▁▄█"


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=500))
def test_the_curve_keeps_its_width(numbers: list[int]) -> None:
    """However long the burst, no more columns than there are, and the last one is the present."""
    curve = live.Curve(24)
    for number in numbers:
        curve.add(number)
    assert 1 <= len(curve.text(1000)) <= 24
    last = live.Curve(24)
    last.add(numbers[-1])
    assert curve.text(1000)[-1] == last.text(1000)


def test_the_line_fits_80_columns() -> None:
    """At a million connections, with failures."""
    figures = live.figures(Progress("open", 1_000_000, 123_456, 0, 0, 9, 31_234, 21 << 30))
    assert len("start ") + 1 + live.COLUMNS + 1 + len(figures) <= 80


@pytest.mark.live
def test_verbose_tells_in_a_log() -> None:
    """In a pipe -v leaves lines for each phase, and none of them moves the cursor."""
    done = _verify("-n", "300", "--hold", "0", "-v")
    assert done.returncode == 0
    assert "open" in done.stderr
    assert "300/300" in done.stderr
    assert "\x1b" not in done.stderr


@pytest.mark.live
def test_report_goes_to_a_file(tmp_path: Path) -> None:
    """With -o and in a pipe, stdout has the verdict, stderr stays empty, and the document fits the schema."""
    file = tmp_path / "report.json"
    done = _verify("-n", "300", "--hold", "0", "--format", "json", "-o", str(file))
    said = "confirmed: 300 connections were open at once, held 0 s, none lost\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    document: dict[str, Any] = json.loads(file.read_text())
    schema = json.loads((ROOT / "docs/reference/schemas/verify.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert document["argv"][:3] == ["verify", "host", "-n"]
    assert document["exit_code"] == 0
    assert document["reached"] == 300


@pytest.mark.live
def test_progress_only_on_a_terminal() -> None:
    """On a terminal progress moves and is wiped away; the report on stdout has no escape sequence; -q keeps quiet."""
    for quiet in ([], ["-q"]):
        leader, follower = pty.openpty()
        process = subprocess.Popen(
            [*COMMAND, "-n", "500", "--hold", "0", *quiet], stdout=subprocess.PIPE, stderr=follower, text=True
        )
        os.close(follower)
        shown = _read_all(leader)
        report, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "confirmed: 500 connections" in report
        assert "\x1b" not in report
        if quiet:
            assert shown == ""
        else:
            assert "/500" in shown
            assert "\x1b[2K" in shown or "\x1b[?25h" in shown  # transient: the line is cleared


@pytest.mark.live
def test_port_in_use() -> None:
    """A port that somebody has is one sentence, a tip and exit 2."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _verify("-n", "10", "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == ""
    error, tip = done.stderr.splitlines()
    assert f"port {port} is in use" in error
    assert "--port" in tip


def _verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60)


def _read_all(descriptor: int) -> str:
    read = b""
    with open(descriptor, "rb", buffering=0) as stream:
        while True:
            try:
                data = stream.read(4096)
            except OSError:  # EIO: the other side of a terminal was closed
                break
            if not data:
                break
            read += data
    return read.decode()
