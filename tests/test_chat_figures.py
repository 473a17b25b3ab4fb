"""The chat server's figures: one truth in two formats."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from wstune.chat import figures
from wstune.chat import stats as s


@given(st.lists(st.integers(0, 2**40), min_size=s.LENGTH, max_size=s.LENGTH))
def test_both_formats_say_the_same(words: list[int]) -> None:
    """Whatever the counters are, Prometheus' own parser reads what the JSON says."""
    stats = s.Stats(2)
    for at, word in enumerate(words):
        stats.row(0)[at] = word
    document = json.loads(figures.stats_json(stats))
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(figures.metrics_text(stats).decode())
        for sample in family.samples
    }
    first = document["each"][0]
    worker = ("worker", "0")
    assert samples["wstune_chat_connections", worker] == first["connections"] == document["total"]["connections"]
    assert samples["wstune_chat_messages_total", worker] == first["messages"]
    for reason, count in first["closed"].items():
        assert samples["wstune_chat_connections_closed_total", ("reason", reason), worker] == count
    assert samples["wstune_chat_fanout_seconds_count", worker] == sum(
        words[s.FIRST_BUCKET : s.FIRST_BUCKET + len(s.BUCKETS) + 1]
    )
    assert document["workers"] == 2


def test_memory_is_per_connection_beyond_the_start() -> None:
    """What a worker had when it began is nobody's; without connections there is no figure."""
    stats = s.Stats(1)
    row = stats.row(0)
    row[s.ANONYMOUS_AT_START], row[s.ANONYMOUS] = 1_000_000, 1_050_000
    assert json.loads(figures.stats_json(stats))["total"]["memory"]["per_connection"] is None
    row[s.CONNECTIONS] = 100
    assert json.loads(figures.stats_json(stats))["total"]["memory"]["per_connection"] == 500


def test_words_have_places_of_their_own() -> None:
    """No two figures share a word."""
    names = [name for name in vars(s) if name.isupper() and isinstance(getattr(s, name), int)]
    reasons = {name.upper().replace("-", "_") for name in s.REASONS}
    words = [getattr(s, name) for name in names if name not in reasons | {"LENGTH", "FIRST_REASON", "FIRST_BUCKET"}]
    words += range(s.FIRST_REASON, s.FIRST_REASON + len(s.REASONS))
    words += range(s.FIRST_BUCKET, s.FIRST_BUCKET + len(s.BUCKETS) + 1)
    assert len(words) == len(set(words))
    assert max(words) < s.LENGTH
