"""The options that name other machines: what they mean together, and what makes no sense."""

from __future__ import annotations

import sys

import pytest

from wstune.cli.cluster_options import hosts_of, where_of
from wstune.cli.main import main
from wstune.errors import UsageError


def test_without_any_there_is_no_cluster() -> None:
    """The burst is this host's."""
    assert where_of(None, None, "", "", insecure=False, as_root=False, python="") is None


def test_a_local_cluster_has_a_number_of_workers() -> None:
    """`local:4` is four workers here."""
    where = where_of(None, "local:4", "", "", insecure=False, as_root=False, python="")
    assert where is not None
    assert (where.local, where.address) == (4, "")


@pytest.mark.parametrize("text", ["local:", "local:0", "local:x", "local:65", "local:-1", "local:²"])
def test_a_local_cluster_of_a_strange_size_is_refused(text: str) -> None:
    """1 to 64 workers."""
    with pytest.raises(UsageError, match="expected local:1 to local:64"):
        where_of(None, text, "", "", insecure=False, as_root=False, python="")


@pytest.mark.parametrize("text", ["", "a,", "a,,b", "a,a", "-oProxyCommand=x", "a b"])
def test_hosts_are_names_each_once(text: str) -> None:
    """No empty one, none twice, none that would be an option to somebody."""
    with pytest.raises(UsageError, match="--hosts"):
        hosts_of(text)


def test_two_clusters_are_one_too_many() -> None:
    """--hosts starts one, --cluster names one."""
    with pytest.raises(UsageError, match="starts a cluster"):
        where_of("a", "tls://b:1", "", "", insecure=False, as_root=False, python="")


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", "host", "--serve-on", "gen1"],
        ["verify", "host", "--insecure-cluster"],
        ["verify", "host", "--cluster", "local:2", "--serve-on", "x"],
        ["verify", "host", "--cluster", "local:2", "--find-max"],
        ["verify", "host", "--cluster", "tcp://127.0.0.1:1"],
        ["verify", "ws://127.0.0.1:1/", "--hosts", "gen1"],
        ["check", "--hosts", "a", "--pid", "1"],
        ["check", "--hosts", "a", "--format", "junit"],
        ["check", "./x.toml", "--hosts", "a"],
    ],
    ids=lambda arguments: " ".join(arguments),
)
def test_what_makes_no_sense_is_one_sentence_and_a_tip(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Exit code 2, before anything is started."""
    monkeypatch.setattr(sys, "argv", ["wstune", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr()
    assert end.value.code == 2
    assert not said.out
    assert said.err.startswith("ERROR ")
    assert "TIP" in said.err
