"""Who may take part in a run: the same versions, no root unasked, no address without TLS unasked."""

from __future__ import annotations

from typing import Any

import distributed
import pytest

from wstune import __version__
from wstune.burst import cluster_probe
from wstune.burst.answers import Probe, cleaned
from wstune.burst.cluster_entry import Where, require, security_for, unfit
from wstune.burst.engine.records import read
from wstune.errors import InconclusiveError, UsageError


def found(**changes: Any) -> Probe:
    return read(Probe, cleaned(cluster_probe.probe()))._replace(**{"euid": 1000, **changes})


def test_the_probe_tells_this_installation() -> None:
    """What it gives is what fits here."""
    about = found()
    assert about.wstune == __version__
    assert about.distributed == distributed.__version__
    assert unfit("gen1", found(), as_root=False) is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"wstune": None}, "gen1 has no wstune", id="no-wstune"),
        pytest.param({"distributed": None}, "gen1 has no distributed", id="no-distributed"),
        pytest.param({"wstune": "0.0.1"}, "gen1 has wstune 0.0.1, here is", id="wstune"),
        pytest.param({"distributed": "2020.1"}, "gen1 has distributed 2020.1, here is", id="distributed"),
        pytest.param({"python": "3.9"}, "gen1 has python 3.9, here is", id="python"),
    ],
)
def test_another_installation_is_named(changes: dict[str, Any], sentence: str) -> None:
    """Versions are compared, and the tip says what to install there."""
    reason = unfit("gen1", found(**changes), as_root=False)
    assert isinstance(reason, InconclusiveError)
    assert str(reason).startswith(sentence)
    assert reason.tip.startswith("on gen1: pip install")


def test_root_is_refused_unless_it_is_asked_for() -> None:
    """Making load takes no privilege."""
    assert isinstance(unfit("gen1", found(euid=0), as_root=False), UsageError)
    assert unfit("gen1", found(euid=0), as_root=True) is None


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        pytest.param(Where(address="tcp://10.0.0.1:8786"), "not encrypted", id="tcp"),
        pytest.param(Where(address="10.0.0.1:8786"), "expected local:N or tls://", id="no-scheme"),
        pytest.param(Where(address="ws://10.0.0.1:8786"), "expected local:N or tls://", id="ws"),
    ],
)
def test_an_address_without_tls_is_refused(where: Where, sentence: str) -> None:
    """Whoever reaches such a scheduler can run Python there: it has to be meant."""
    with pytest.raises(UsageError, match=sentence):
        require(where)


def test_tcp_is_taken_when_it_is_meant() -> None:
    """--insecure-cluster says so; there is no certificate then."""
    where = Where(address="tcp://10.0.0.1:8786", insecure=True)
    require(where)
    assert security_for(where) is None


def test_tls_wants_a_certificate() -> None:
    """Without a file and without a configuration of Dask's there is none to show."""
    with pytest.raises(UsageError, match="names none"):
        security_for(Where(address="tls://10.0.0.1:8786"))
