"""What has drifted: live, persisted and applied side by side, and who else sets the key."""

from __future__ import annotations

from pathlib import Path

from tests.tuning_scene import FACTS, make_host
from wstune.actions.drift import Drift, drift_lines, drifts

KEY = "net.core.somaxconn"
OWN = "etc/sysctl.d/99-wstune.conf"


def found(
    root: Path, files: dict[str, str], *, applied: str | None = None, wished: str | None = None
) -> dict[str, Drift]:
    host = make_host(root)
    for path, text in {"proc/1/comm": "systemd\n", **files}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    ours = [{} if text is None else {KEY: text} for text in (applied, wished)]
    return {each.key: each for each in drifts(host, FACTS, ours[0], ours[1])}


def test_nothing_drifts_where_files_say_what_is(tmp_path: Path) -> None:
    """A file that sets what is live, and keys that no file sets, are no drift."""
    assert found(tmp_path, {"etc/sysctl.d/50-x.conf": f"{KEY} = 4096\n"}) == {}


def test_a_file_that_will_change_a_live_value(tmp_path: Path) -> None:
    """The next boot changes it: that is told, and is nothing that wstune lost."""
    drift = found(tmp_path, {"etc/sysctl.d/50-x.conf": f"{KEY} = 128\n"})[KEY]
    assert (drift.live, drift.persisted, drift.source) == ("4096", "128", "/etc/sysctl.d/50-x.conf:1")
    assert not drift.lost
    assert drift_lines(drift) == [f"at boot     {KEY} = 128, from /etc/sysctl.d/50-x.conf:1; now 4096"]


def test_what_wstune_persisted_is_lost_to_a_later_file(tmp_path: Path) -> None:
    """A file that sorts after ours wins the next boot."""
    files = {OWN: f"{KEY} = 4096\n", "etc/sysctl.d/99-zz.conf": f"{KEY} = 128\n"}
    drift = found(tmp_path, files, applied="4096", wished="4096")[KEY]
    assert drift.lost
    words = " ".join(" ".join(drift_lines(drift)).split())
    assert words.startswith(f"at boot {KEY} = 128, from /etc/sysctl.d/99-zz.conf:1; now 4096, applied was 4096")
    assert max(map(len, drift_lines(drift))) <= 80


def test_what_wstune_persisted_is_gone(tmp_path: Path) -> None:
    """Our own file is not there any more."""
    drift = found(tmp_path, {}, applied="4096", wished="4096")[KEY]
    assert drift.lost
    assert drift.persisted is None
    assert "nothing sets it; now 4096" in drift_lines(drift)[0]


def test_what_wstune_persisted_stands(tmp_path: Path) -> None:
    """What our file says will be is no drift."""
    assert found(tmp_path, {OWN: f"{KEY} = 4096\n"}, applied="4096", wished="4096") == {}


def test_another_manager_is_told(tmp_path: Path) -> None:
    """Who sets the key when he starts is named even where he sets what is there."""
    files = {"etc/ufw/ufw.conf": "ENABLED=yes\n", "etc/ufw/sysctl.conf": "net/core/somaxconn=4096\n"}
    drift = found(tmp_path, files)[KEY]
    assert drift.managers == ("ufw sets it when it starts and at each reload",)
    assert drift_lines(drift)[1].strip() == drift.managers[0]


def test_configuration_may_be_elsewhere(tmp_path: Path) -> None:
    """With --etc-root it is the files there that count."""
    host = make_host(tmp_path / "host")
    place = tmp_path / "etc-root/etc/sysctl.d/50-x.conf"
    place.parent.mkdir(parents=True)
    place.write_text(f"{KEY} = 128\n")
    (each,) = drifts(host, FACTS, {}, {}, str(tmp_path / "etc-root"))
    assert each.persisted == "128"
