"""Make tweets, columns, files and artefacts for tests, each within a second."""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from viral_common.artefact.files import Artefact, Calibration, FeatureScaling
from viral_common.artefact.training_summary import TrainingSummary
from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.tweets.features import FEATURES, AuthorHistory, TweetInput
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.eda.sources import Piece, ReportTweets

# torch and transformers take seconds to import, and most tests want neither.
if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import BertModel
    from viral_trainer.model.base_model import BaseModel
    from viral_trainer.model.export import TrainedModel

START = datetime(2026, 1, 1, tzinfo=UTC)
LIKED = ("!!! wow", "look at this", "breaking: ")
IGNORED = ("just saying", "as i said before", "nothing new: ")
TOPICS = ("oil", "gas", "rain", "trains", "football", "bread")


def make_labelled_tweets(
    count: int, seed: int = 7, noise: float = 0.1, liked: float = 0.5
) -> list[LabelledTweet]:
    """Wording and photos decide about likes, but for a share of `noise`; a share of `liked` is worded well."""
    rng = np.random.default_rng(seed)
    return [_make_tweet(rng, number, noise, liked) for number in range(count)]


def _make_tweet(rng: np.random.Generator, number: int, noise: float, share: float) -> LabelledTweet:
    liked = bool(rng.random() < share)
    words = [*rng.choice(TOPICS, 3), str(rng.choice(LIKED if liked else IGNORED)), f"n{number}"]
    viral = liked != bool(rng.random() < noise)
    at = START + timedelta(minutes=7 * number)
    return LabelledTweet(TweetInput(" ".join(words), at, photos_count=int(liked)), int(viral), viral)


Drawn = tuple[NDArray[np.bool_], NDArray[np.float64]]


def draw_tweets(count: int, seed: int, mean: float = -0.5) -> Drawn:
    """Labels and probabilities of `count` tweets; a lower `mean` of the logits makes viral ones rarer."""
    rng = np.random.default_rng(seed)
    probabilities = 1 / (1 + np.exp(-rng.normal(mean, 1, count)))
    return rng.random(count) < probabilities, probabilities


SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
FIRST_DAY = datetime(2022, 3, 1, tzinfo=UTC)


def make_snowflake(at: datetime, number: int = 0) -> int:
    """Make an id that says `at`; `number` (under 4 million) tells tweets of one millisecond apart."""
    return ((round(at.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22) + number


def make_twint_row(at: datetime = FIRST_DAY, number: int = 0, **fields: Any) -> dict[str, Any]:
    """Make an English original by one of ten authors, unless `fields` say otherwise."""
    external_id = fields.get("id", make_snowflake(at, number))
    return {
        "id": external_id,
        "conversation_id": str(external_id),
        "created_at": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "timezone": "+0000",
        "user_id": 1000 + number % 10,
        "username": f"author{number % 10}",
        "tweet": f"Something new about subject {number}",
        "language": "en",
        "mentions": [],
        "urls": [],
        "photos": [],
        "replies_count": 0,
        "retweets_count": 0,
        "likes_count": number % 3,
        "hashtags": [],
        "retweet": False,
        "quote_url": "",
        "video": 0,
        "reply_to": [],
        **fields,
    }


def make_twint_days(days: int, per_day: int, **fields: Any) -> list[dict[str, Any]]:
    """Make `per_day` different tweets on each of `days` days, evenly spread."""
    return [
        make_twint_row(FIRST_DAY + timedelta(days=(number + 0.5) / per_day), number, **fields)
        for number in range(days * per_day)
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """Write JSON lines, packed if the name says so; bytes go in as they are."""
    data = b"".join(
        row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() + b"\n"
        for row in rows
    )
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path


def make_described_tweet(
    text: str = "hello",
    likes: int = 0,
    *,
    at: datetime = START,
    author: str = "ada",
    earlier: int = 0,
    language: str = "en",
    photos: int = 0,
    batch: int = 0,
) -> DescribedTweet:
    """One tweet; what is not named is plain."""
    history = AuthorHistory(earlier, earlier, earlier // 2, 0.5 * earlier)
    text_hash = compute_copy_hash(text)
    return DescribedTweet(
        TweetInput(text, at, photos, username=author, author=history),
        likes,
        likes // 2,
        likes // 3,
        author,
        language,
        text_hash,
        choose_split(text_hash),
        batch,
    )


def make_columns(tweets: Sequence[DescribedTweet]) -> TweetColumns:
    """In the given order."""
    return TweetColumns.from_tweets(tweets)


def make_some_columns(count: int = 300, seed: int = 7, batch: int = 0) -> TweetColumns:
    """Tweets whose photos and wording decide about likes, by authors with a past or without."""
    return TweetColumns.from_tweets(
        make_described_tweet(
            tweet.input.text,
            tweet.like_count * (1 + number % 50),
            at=tweet.input.created_at,
            author=f"author {number % 40}",
            earlier=number // 40,
            photos=tweet.input.photos_count,
            batch=batch,
        )
        for number, tweet in enumerate(make_labelled_tweets(count, seed))
    )


def make_described(
    columns: TweetColumns | None = None, *, before: TweetColumns | None = None, source: str = "archive"
) -> ReportTweets:
    """One batch, by default of some tweets and the first of its source."""
    return ReportTweets(
        source=source,
        query="oil",
        pieces=[Piece("0190", START, START + timedelta(days=2))],
        columns=make_some_columns() if columns is None else replace(columns),
        before=before,
        likes_threshold=0,
        unit="batch",
        too_young=3,
        left_out={"reply": 70, "duplicate": 5},
    )


_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789#@.,!?'\":;/-"


def make_artefact(directory: Path, *, bias: float = 0.0, seed: int = 7, simulated: bool = False) -> Artefact:
    """Export a random network into the new `directory`. Another `bias` or `seed` gives other probabilities."""
    made = _export_once(bias, seed, simulated)
    shutil.copytree(made.directory, directory)
    return replace(made, directory=directory)


@cache
def _export_once(bias: float, seed: int, simulated: bool) -> Artefact:
    """To be copied: an export takes a hundred times as long."""
    from viral_trainer.model.export import export

    folder = Path(tempfile.mkdtemp(prefix="viral-artefact-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return export(make_model(bias=bias, seed=seed, simulated=simulated), folder / "artefact")


def make_model(*, bias: float = 0.0, seed: int = 7, simulated: bool = False) -> TrainedModel:
    """A random network of one narrow layer that reads letters."""
    import torch
    from viral_trainer.model.export import TrainedModel
    from viral_trainer.model.network import ViralityNetwork

    network = ViralityNetwork(make_narrow_encoder(seed), len(FEATURES)).eval()
    for parameter in network.head.parameters():
        torch.nn.init.normal_(parameter, std=0.2)  # so that tweets differ visibly
    return TrainedModel(
        network=network,
        tokenizer=make_letter_tokenizer(),
        scaling=FeatureScaling(names=FEATURES, mean=(1.0,) * len(FEATURES), scale=(4.0,) * len(FEATURES)),
        calibration=Calibration(temperature=1.0, bias=bias),
        max_tokens=128,
        likes_threshold=0,
        base_model="random",
        base_model_source="tests",
        training=make_summary(simulated=simulated),
    )


def make_base_model(directory: Path, seed: int = 7, layers: int = 1) -> BaseModel:
    """A directory to train from, as a person would name it in VIRAL_BASE_MODEL."""
    from viral_trainer.model.base_model import find_base_model

    make_narrow_encoder(seed, layers).save_pretrained(directory)
    make_letter_tokenizer().save(str(directory / "tokenizer.json"))
    return find_base_model(str(directory))


def make_narrow_encoder(seed: int, layers: int = 1) -> BertModel:
    """Random weights, drawn from the seed."""
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=make_letter_tokenizer().get_vocab_size(),
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        hidden_dropout_prob=0.0,  # as every base model is read
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False)


def make_summary(*, simulated: bool = False) -> TrainingSummary:
    """A summary of a training that never was."""
    return TrainingSummary(
        event_id=str(UUID(int=1)),
        batch_ids=(str(UUID(int=2)),),
        source="simulated" if simulated else "archive",
        simulated=simulated,
        window_from=datetime(2026, 11, 1, tzinfo=UTC),
        window_to=datetime(2026, 11, 2, tzinfo=UTC),
        train_count=700,
        validation_count=150,
        viral_rate=0.4,
        metrics={"auc": 0.7, "accuracy": 0.65},
        trained_at=datetime(2026, 11, 2, 1, tzinfo=UTC),
    )


def make_letter_tokenizer(max_tokens: int = 128) -> Tokenizer:
    """A BERT tokenizer whose vocabulary is the letters."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing

    pieces = [*_SPECIAL, *_LETTERS, *(f"##{letter}" for letter in _LETTERS)]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(max_tokens)
    return tokenizer
