"""The HTML report: one file that opens from disk, with no outside resource and nothing executable in it.

Light, dark and print are CSS (page/style.css); charts are static SVG; the page's policy forbids all but its own style.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from wstune import __version__
from wstune.report import charts, figures, html_parts, machine_columns
from wstune.report.json import check_document, dumps
from wstune.report.json_verify import verify_document
from wstune.report.words import counted, host_text, role_text

if TYPE_CHECKING:
    from wstune.model import CheckReport
    from wstune.report.formats import Look
    from wstune.report.head import Head
    from wstune.verification import VerifyReport

LOOKS = {"ready": "good", "confirmed": "good", "not-ready": "bad", "missed": "bad"}

_CHECK_PARTS = (("findings", "Findings"), ("capacity", "Capacity"), ("host", "Machine"), ("data", "JSON"))


def check(report: CheckReport, head: Head, look: Look) -> str:
    """The page of check: findings, capacity, machine."""
    about = (
        f"{report.profile}, {counted(report.connections, 'connection')}, {role_text(report.role)}, "
        f"{counted(report.processes, 'process')}; {host_text(report.host)}"
    )
    return _page(
        "check.html",
        head,
        report.verdict,
        report.sentences,
        about=about,
        parts=_CHECK_PARTS,
        document=dumps(check_document(report, head)),
        **_of_check(report),
    )


def verify(report: VerifyReport, head: Head, look: Look) -> str:
    """The page of verify: figures, wall, errors, charts; with `look.check` findings and machine, with `look.baseline` a
    comparison."""
    thin = replace(report, timeline=tuple((seconds, int(number)) for seconds, number in charts.thin(report.timeline)))
    thinned = len(thin.timeline) < len(report.timeline)
    canary = report.canary
    opening = [("connect", report.open.connect_ms), ("upgrade", report.open.upgrade_ms)]
    visits = [("join", canary.join_ms), ("echo", canary.rtt_ms), ("leave", canary.leave_ms)] if canary else []
    memory = html_parts.memory(report)
    values: dict[str, Any] = {
        "tiles": html_parts.tiles(report),
        "wall": report.wall,
        "errors": [(e.phase, e.errno, f"{e.count:,}", e.side, e.limit, e.fix) for e in report.errors],
        "timeline": Markup(charts.timeline(report, look.baseline)),  # noqa: S704  leather escapes what it is given
        "phases": html_parts.phases(report),
        "opening": Markup(charts.latencies(opening)),  # noqa: S704
        "canary_curve": Markup(charts.latencies(visits)),  # noqa: S704
        "latencies": html_parts.latencies(report),
        "canary": html_parts.visits(canary),
        "reasons": ", ".join(f"{why} {count:,}" for why, count in sorted(canary.reasons.items())) if canary else "",
        "lines": list(figures.lines(report)),
        "machines": html_parts.machines(report),
        "machine_titles": (
            "",
            *(column.title for column in machine_columns.COLUMNS),
            "p99 ms",
            "room, by what",
            "lost",
        ),
        "quantiles": ("", *(title for title, _, _ in figures.QUANTILES), "count"),
        "memory": memory,
        "counters": [(name, f"{change:+,}") for name, change in sorted(report.counters.items())],
        "baseline": look.baseline[0] if look.baseline else "",
        "comparison": html_parts.compared(look.baseline[1], report) if look.baseline else [],
        "findings": [],
        "hits": [],
        "capacity": [],
        "facts": [],
        "thinned": f"{len(thin.timeline):,}" if thinned else "",
        "moments": f"{len(report.timeline):,}",
        "target": counted(report.connections, "connection"),
    }
    if look.check is not None:
        values |= {**_of_check(look.check), "check_verdict": look.check.sentences[-1] if look.check.sentences else ""}
    about = f"{counted(report.connections, 'connection')} to {report.url}"
    if look.check is not None:
        about += f"; {host_text(look.check.host)}"
    return _page(
        "verify.html",
        head,
        report.verdict,
        report.sentences,
        about=about,
        parts=_verify_parts(values),
        document=dumps(verify_document(thin, head)),
        **values,
    )


def _of_check(report: CheckReport) -> dict[str, Any]:
    return {
        "findings": html_parts.findings(report),
        "hits": html_parts.hits(report),
        "capacity": [html_parts.capacity(each, report.connections) for each in report.capacity],
        "facts": html_parts.facts(report.host),
        "target": counted(report.connections, "connection"),
    }


def _verify_parts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    every = (
        ("wall", "Wall", values["wall"]),
        ("errors", "Errors", values["errors"]),
        ("open", "Open connections", True),
        ("comparison", "Comparison", values["comparison"]),
        ("latency", "Latency", True),
        ("figures", "Figures and memory", True),
        ("machines", "Load machines", values["machines"]),
        ("findings", "Findings", values["findings"]),
        ("capacity", "Capacity", values["capacity"]),
        ("host", "Machine", True),
        ("data", "JSON", True),
    )
    return [(id_, name) for id_, name, there in every if there]


def _page(template: str, head: Head, verdict: str, sentences: Sequence[str], **values: Any) -> str:
    *remarks, last = sentences or (verdict,)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("wstune.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template).render(
        {
            "version": __version__,
            "title": last,
            "remarks": remarks,
            "verdict": verdict.replace("-", " "),
            "look": LOOKS.get(verdict, ""),
            "command": shlex.join(("wstune", *head.argv)),
            "started": head.started_at,
            "boot_id": head.boot_id,
            "exit_code": head.exit_code,
            "thinned": "",
            **values,
        }
    )
    return page.rstrip("\n") + "\n"
