"""Texts with their length by twitter-text 3.1.0, for Python and for the page's JavaScript alike."""

from __future__ import annotations

LENGTHS = [
    ("", 0),
    ("hello", 5),
    ("line\nbreak", 10),
    ("cafe\u0301", 4),  # NFC: one letter
    ("Привет, мир", 11),
    ("مرحبا", 5),
    ("日本語", 6),
    ("안녕", 4),
    ("“quoted” – dash — dots…", 23 + 1),  # the ellipsis weighs 2
    ("½ ©", 3),
    ("👍", 2),
    ("👍🏽", 2),
    ("👨‍👩‍👧‍👦", 2),
    ("🇩🇪🇫🇷", 4),
    ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
    ("1️⃣", 2),
    ("❤️", 2),
    ("©️", 2),
    ("𝒳", 2),
    ("https://example.com/a/very/long/path/that/does/not/matter?at=all#really", 23),
    ("http://a.co", 23),
    ("see https://example.com/a.", 4 + 23 + 1),
    ("(https://en.wikipedia.org/wiki/X_(y))", 1 + 23 + 1),
    ("example.com and www.test.de", 23 + 5 + 23),
    ("https://例え.jp/", 23),
    ("user@example.com", 16),
    ("@example.com #example.com", 25),
    ("e.g. this, i.e. that: 3.14", 26),
    ("one https://a.com two https://b.com", 4 + 23 + 5 + 23),
    ("日本語 https://a.com 👍", 6 + 1 + 23 + 1 + 2),
]
