"""`wstune verify URL` as a program, for tests of servers elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import jsonschema

from tests.conftest import ROOT

SCHEMA: dict[str, Any] = json.loads((ROOT / "docs/reference/schemas/verify.json").read_text())


def verify(*arguments: str, seconds: float = 110, **environment: str) -> dict[str, Any]:
    """The report of a burst."""
    done = subprocess.run(
        [sys.executable, "-m", "wstune", "verify", *arguments, "--format", "json", "-q"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
        env={**os.environ, "no_proxy": "", **environment},
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    jsonschema.Draft202012Validator(SCHEMA).validate(report)
    assert report["exit_code"] == done.returncode
    return report


def errors(report: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(error["phase"], error["errno"]): error["count"] for error in report["errors"]}
