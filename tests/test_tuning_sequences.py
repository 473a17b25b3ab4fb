"""Transactions that overlap, one after the other and taken back in any order, any number of times, with their file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.test_cli_apply_files import make_profile
from tests.tuning_scene import FACTS, HERE, make_host, put, values
from wstune.actions.apply import ApplyOptions, prepare
from wstune.host.host import Host
from wstune.tuning.apply import Origin, apply_plan
from wstune.tuning.journal import Journal
from wstune.tuning.records import Standing
from wstune.tuning.rollback import rollback

LOW, HIGH, MORE = "at_least = 9000", "at_least = 20000", "at_least = 1000000"
PROFILES = {
    "one": {"net.core.somaxconn": HIGH, "net.ipv4.tcp_max_tw_buckets": MORE},
    "two": {"net.core.somaxconn": LOW, "net.ipv4.tcp_max_syn_backlog": HIGH},
}
SYSCTLS = {
    "net.core.somaxconn": "4096",
    "net.ipv4.tcp_max_tw_buckets": "131072",
    "net.ipv4.tcp_max_syn_backlog": "2048",
}
ORIGIN = Origin(HERE, "2026-11-24T05:00:00Z", FACTS.kernel or "", FACTS.ram_bytes or 0, ("apply", "test"))
STEPS = st.lists(st.one_of(st.sampled_from(sorted(PROFILES)), st.integers(0, 5)), max_size=9)
"""A profile to apply, or which of the transactions that stand to take back."""


class Place:
    """A host made of files, two profiles, and a journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.host: Host = make_host(directory / "host", SYSCTLS)
        self.before = values(self.host, SYSCTLS)
        self.journal = Journal(str(directory / "state"))
        self.journal.prepare()
        self.conf = directory / "root/etc/sysctl.d/99-wstune.conf"
        self.conf.parent.mkdir(parents=True)
        for name, demands in PROFILES.items():
            make_profile(directory / f"{name}.toml", **demands)

    def apply(self, name: str) -> None:
        options = ApplyOptions(
            profile=str(self.directory / f"{name}.toml"),
            etc_root=str(self.directory / "root"),
            persist=True,
            state_dir=str(self.journal.state_dir),
        )
        plan = prepare(options, self.host).plan
        if not plan.empty:
            assert apply_plan(plan, self.host, self.journal, ORIGIN).txn

    def take_back(self, at: int) -> None:
        standing = [txn.id for txn in self.journal.transactions() if txn.standing is not Standing.CLOSED]
        if standing:
            undone = rollback(self.journal, self.host, HERE, standing[at % len(standing)])
            assert undone.complete, (undone.drifted, undone.failed)


@given(STEPS)
@example(["two", "one", 1, "one", 0])
@example(["one", "two", 1, "two", 0])
@settings(max_examples=60)
def test_all_come_off_in_any_order(steps: list[str | int]) -> None:
    """Nothing that only wstune has touched is ever called foreign, and in the end all is as it was."""
    with tempfile.TemporaryDirectory() as directory:
        place = Place(Path(directory))
        for step in steps:
            if isinstance(step, str):
                place.apply(step)
            else:
                place.take_back(step)
        while any(txn.standing is not Standing.CLOSED for txn in place.journal.transactions()):
            place.take_back(-1)
        assert values(place.host, SYSCTLS) == place.before
        assert not place.conf.exists()
        place.journal.close()


def test_what_came_later_inherits_nothing(tmp_path: Path) -> None:
    """Whoever set by hand what wstune had set and taken back, finds that again, and not what was there before."""
    place = Place(tmp_path)
    place.apply("two")
    place.take_back(0)
    put(place.host, "net.core.somaxconn", "9000")
    place.apply("one")
    place.take_back(0)
    assert values(place.host, SYSCTLS)["net.core.somaxconn"] == "9000\n"
    place.journal.close()
