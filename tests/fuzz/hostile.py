"""Data: what stands in the place of a value, a word, a name or a number in a mutated input."""

from __future__ import annotations

LONG_NUMBER = "9" * 5000
"""More digits than Python turns into a number by itself (sys.set_int_max_str_digits)."""

NUMBERS = (
    "0", "-0", "-1", "1", "2", "255", "65535", "65536", "2147483648", "4294967296", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "-9223372036854775809", "1" + "0" * 400, LONG_NUMBER,
    "-" + LONG_NUMBER,
    "1.5", "1e9", "1e308", "1e999", "-1e999", "1e-999", "0.1", "1E400", "1_000", "1,000", "0x10", "0o17", "0b1",
    "007", "+5", "NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "१२", "²", "½", "１２",
)  # fmt: skip
"""Numbers as texts, of every size and spelling."""

SUFFIXED = (
    "1k", "1K", "1M", "1G", "1T", "1.5M", "1e3k", "k", "1kk", "1ki", "1KiB", "5000000T", LONG_NUMBER + "k",
    "1." + "5" * 5000,
    "10s", "1ms", "1h", "169h", "0s", "-1s", "1d", "s", "1e9s", "999999999h", LONG_NUMBER + "s", "50%", "-5%",
    "101%", "%",
    "NaN%", "1..2", "..", "1..", "1..2:10", "100..2000:10,2000", "1:2:3", ",", "1,", "0..0:0", "1..1e999:1", "1:1e999",
)  # fmt: skip
"""Counts, sizes, times, percentages and rates, right and wrong."""

WORDS = (
    "", " ", "\t", "\n", "a\nb", "a\r\nb", "\0", "a\0b", "\x1b[2J\x1b]0;x\x07", "\x7f", "\x85", "\u2028", "\u202e",
    "\ufeff", "\ufffe",
    "\ud800", "a\udcffb", "\U0010ffff", "é", "e\u0301", "ß", "İ", "x" * 300, "x" * 5000, "é" * 200, "-", "--",
    "---", "-n", "--help",
    "..", ".", "/", "//", "/etc/passwd", "../../x", "~", "$HOME", "$(true)", "`true`", "%s%n", "{}", "{number}", "{0}",
    "%%_x%%", "%%ts_user_server:get_unique_id%%", "%00", "%", "'", '"', "\\", "\\u0000", "<a>", "]]>", "&amp;",
    "&x;", "=", "a=b", "#",
    ";", ",", ",,", ":", "::", "*", "?", "[", "]", "[a", "(", "true", "null", "none", "max", "unlimited",
    "infinity", "host", "@", "a@b",
    "@nofile", "expr", "connections", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z",
)  # fmt: skip
"""Texts that mean something to a parser, a terminal, a shell or a file system."""

CHARACTERS = (
    "\0",
    "\x01",
    "\x08",
    "\x1b",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ud800",
    "\udcff",
    "\U0010ffff",
)
"""Single characters that do not belong into a text."""

BYTES = (
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\r",
    b"\n",
    b"\x1b[2J",
    b"\x9b",
)
"""What is inserted into bytes: no UTF-8, too long, surrogates, marks, controls."""

DEPTHS = (2, 3, 9, 17, 65, 400, 1200, 20_000, 100_000)
"""How deep something is wrapped: below, at and far above every bound of the readers and of Python's recursion."""
