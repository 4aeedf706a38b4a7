"""Remember the words that a BERT tokenizer it has read: most of a tweet's words were in others before.

It splits at spaces and punctuation and reads each word for itself, so a word's tokens are the same in every text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

# Words remembered: at worst, all of the longest, 33 MB. Longer ones are not, so that nobody can fill the memory.
MOST_WORDS = 2**15
LONGEST_WORD = 50

# At least where the tokenizer splits for certain: spaces, and every sign of ASCII.
_words_in = re.compile(r"[^\s!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]").findall

Read = Callable[[Sequence[str]], list[list[int]]]


@lru_cache(maxsize=4)
def build_reader(tokenizer: Tokenizer) -> Read:
    """Build what gives the texts' token ids as `encode_batch_fast` does, sooner where words can be remembered.

    The tokenizer must not be changed afterwards.
    """
    cut = tokenizer.truncation
    if cut is None or cut["direction"] != "right" or not _check_words_are_read_alone(tokenizer):
        return lambda texts: [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    most_between = cut["max_length"] - 2
    first, *_, last = tokenizer.encode("a").ids
    # What the tokenizer looks for before it splits.
    special = re.compile(
        "|".join(re.escape(token.content) for token in tokenizer.get_added_tokens_decoder().values())
    )

    @lru_cache(maxsize=MOST_WORDS)
    def read_word(word: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(word, add_special_tokens=False).ids)

    def read_text(text: str) -> list[int]:
        words = _words_in(text)
        if special.search(text) or max(map(len, words), default=0) > LONGEST_WORD:
            whole: list[int] = tokenizer.encode(text).ids
            return whole
        ids = [first, *chain.from_iterable(map(read_word, words))]
        del ids[1 + most_between :]
        ids.append(last)
        return ids

    return lambda texts: [*map(read_text, texts)]


def _check_words_are_read_alone(tokenizer: Tokenizer) -> bool:
    return (
        isinstance(tokenizer.normalizer, BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
        and isinstance(tokenizer.model, WordPiece)
        and tokenizer.padding is None
        and tokenizer.num_special_tokens_to_add(is_pair=False) == 2
        and not any(token.normalized for token in tokenizer.get_added_tokens_decoder().values())
    )
