"""Bursts that are planned to the last, and then not made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NoReturn
from unittest.mock import patch

from wstune.errors import InconclusiveError


def _stop(*_: object, **__: object) -> NoReturn:
    raise InconclusiveError("the burst was planned, and is not made here")


@contextlib.contextmanager
def without_bursts() -> Iterator[None]:
    """No coordinator is started, and no machine logged in to: who would, gets an error that is expected."""
    with (
        patch("wstune.actions.verify.Burst", _stop),
        patch("wstune.actions.verify_cluster.connect", _stop),
        patch("wstune.burst.cluster_ssh.reach", _stop),
    ):
        yield
