"""What the journal tells, as text and as a document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.schemas import require_published
from tests.tuning_scene import HERE, ORIGIN, change, journal_in, make_host, sysctl_plan
from wstune.actions.history import history_document, history_text, run_history
from wstune.errors import UsageError
from wstune.report.head import Head
from wstune.tuning.apply import apply_plan
from wstune.tuning.journal import Contents
from wstune.tuning.records import Act, ActKind, Transaction
from wstune.tuning.rollback import rollback
from wstune.values import Kind

HEAD = Head("history", "2026-11-24T05:00:00Z", None, ("history",), 0)


def transactions() -> list[Transaction]:
    """One that was taken back, one of another namespace that was cut short, with an act of each kind."""
    first = Transaction("1", "2026-11-24T05:00:00Z", HERE, "one", "6.12.0", 1 << 30, ("apply", "one"))
    act = Act("1", 1, ActKind.SYSCTL, "net.core.somaxconn", "4096", "65535", value_kind=Kind.INTEGER, done=True)
    act.undone = "restored"
    first.acts.append(act)
    first.committed, first.ended = True, "rolled back"
    elsewhere = HERE._replace(netns=77, initial=False)
    second = Transaction("2", "2026-11-24T06:00:00Z", elsewhere, "two", "6.12.0", 1 << 30)
    second.acts += [
        Act("2", 1, ActKind.SYSCTL, "net.ipv4.ip_local_port_range", "32768\t60999", "10000 65535", done=True),
        Act("2", 2, ActKind.SYSCTL, "net.core.somaxconn", "5000", "5000", claim=True, done=True),
        Act("2", 3, ActKind.RLIMIT, "4711:9", "1024 4096", "4096 4096", done=True),
        Act("2", 4, ActKind.DIRECTORY, "/etc/systemd/system/chat.service.d", "absent", "present", done=True),
        Act("2", 5, ActKind.FILE, "/etc/systemd/system/chat.service.d/50-wstune.conf", "", "abc", style="unit"),
    ]
    return [first, second]


def test_the_newest_is_first_and_each_act_is_told() -> None:
    """What was only noted is left out, and what is not known to have happened is said so."""
    assert history_text(Contents(transactions(), 1)) == (
        "   2  2026-11-24T06:00:00Z  two              cut short, in network namespace 77\n"
        "      net.ipv4.ip_local_port_range: 32768 60999 → 10000 65535\n"
        "      nofile of process 4711: 1024 4096 → 4096 4096\n"
        "      /etc/systemd/system/chat.service.d: made\n"
        "      /etc/systemd/system/chat.service.d/50-wstune.conf: made (not known to be\n"
        "        made)\n"
        "   1  2026-11-24T05:00:00Z  one              rolled back\n"
        "      net.core.somaxconn: 4096 → 65535 (restored)\n"
        "1 line of the journal cannot be read: torn by a crash, or damaged\n"
    )


def test_nothing_was_applied(tmp_path: Path) -> None:
    """Without a journal, which reading does not make."""
    assert history_text(run_history(str(tmp_path / "none"))) == "nothing was applied\n"
    assert not (tmp_path / "none").exists()


def test_the_document_is_as_published() -> None:
    """With every state."""
    one, two = transactions()
    three, four = transactions()
    three.ended = four.ended = ""
    three.acts[0].undone, four.acts[0].undone = "", "left"
    four.committed = True
    found = history_document(Contents([one, two, three, four], 2), HEAD)
    require_published(json.loads(json.dumps(found)))
    states = [txn["state"] for txn in found["transactions"]]
    assert states == ["rolled-back", "cut-short", "applied", "partly-rolled-back"]
    assert found["damaged_lines"] == 2


def test_it_is_read_back_from_the_disk(tmp_path: Path) -> None:
    """What an apply and a rollback wrote there; and what is no journal is a usage error."""
    host, journal = make_host(tmp_path / "host"), journal_in(tmp_path)
    apply_plan(sysctl_plan("test", change("net.core.somaxconn", "4096", "65535")), host, journal, ORIGIN)
    rollback(journal, host, HERE)
    journal.close()
    state = str(tmp_path / "state")
    assert "net.core.somaxconn: 4096 → 65535 (restored)" in history_text(run_history(state))
    journal.index.write_text('{"type":"begin","txn":"1","format":99}\n')
    with pytest.raises(UsageError, match="written by a later wstune"):
        run_history(state)
    journal.index.unlink()
    journal.index.mkdir()
    with pytest.raises(UsageError):
        run_history(state)
