"""What a text is to the product."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viral_common.tweets.text import choose_split, clean, compute_copy_hash, compute_near_hash, mask_text

ANY_TEXT = st.text(st.characters(exclude_categories=()))
WORDS = st.lists(st.from_regex(r"[a-zé]{1,8}", fullmatch=True), min_size=1, max_size=8)


@given(ANY_TEXT)
def test_clean_text_can_be_stored_and_encoded(text: str) -> None:
    cleaned = clean(text)

    assert "\0" not in cleaned
    cleaned.encode("utf-8")
    assert clean(cleaned) == cleaned


@given(ANY_TEXT.map(clean))
def test_every_clean_text_has_a_split(text: str) -> None:
    assert -(2**63) <= compute_copy_hash(text) < 2**63
    assert choose_split(compute_copy_hash(text)) in ("train", "validation", "test")


@given(WORDS, st.sampled_from(["https://t.co/abc", "http://b.org/?q=1#x", "pic.twitter.com/Xy1"]))
def test_copies_differ_only_in_link_mention_case_and_spacing(words: list[str], link: str) -> None:
    one = f"@first {' '.join(words)} https://t.co/1"
    other = f" @Second99  {'   '.join(words).upper()}\n{link} "

    # Upper case and back is not the same for every letter (ß), so the words are ones for which it is.
    assert compute_copy_hash(one) == compute_copy_hash(other)


@given(WORDS, WORDS)
def test_other_words_are_no_copy(words: list[str], others: list[str]) -> None:
    assert (compute_copy_hash(" ".join(words)) == compute_copy_hash(" ".join(others))) == (words == others)


def test_splits_are_70_15_15() -> None:
    splits = Counter(choose_split(compute_copy_hash(f"text number {number}")) for number in range(20_000))

    assert splits["train"] / 20_000 == pytest.approx(0.70, abs=0.02)
    assert splits["validation"] / 20_000 == pytest.approx(0.15, abs=0.02)


@pytest.mark.parametrize(
    ("text", "as_read"),
    [
        ("see https://t.co/a1 now", "see http now"),
        ("www.example.org/x?y=1 is down", "http is down"),
        ("thanks @some_one!", "thanks @user!"),
        ("mail me@example.org", "mail me@example.org"),
        ("two\nlines\t and   gaps ", "two lines and gaps"),
        ("@a @b", "@user @user"),
        ("@a_name_of_more_than_fifteen", "@a_name_of_more_than_fifteen"),
        ("", ""),
    ],
)
def test_links_and_mentions_are_masked(text: str, as_read: str) -> None:
    assert mask_text(text) == as_read


@pytest.mark.parametrize("text", ["Hi! 😀", "Hi?", "🎉🎉🎉"])
def test_texts_too_short_to_compare_are_near_only_to_their_copies(text: str) -> None:
    assert compute_near_hash(text) == compute_copy_hash(text)
