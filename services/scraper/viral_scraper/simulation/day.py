"""Draw a simulated day in blocks: block n is the same however many blocks are asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import numpy as np
from viral_common.tweets.tweet import RawTweet

from viral_scraper.simulation.like_model import Floats, Shown, draw_likes
from viral_scraper.simulation.sentences import Sentences
from viral_scraper.simulation.world import AUTHORS, World

BLOCK = 2_048  # tweets

# Most tweets are English originals; the others are there for the filters to find.
KINDS = {"original": 0.70, "reply": 0.12, "foreign": 0.08, "retweet": 0.05, "copy": 0.04, "only link": 0.01}
ORIGINALS = KINDS["original"]

_HOURS = 1 + 0.7 * np.cos(2 * np.pi * (np.arange(24) - 18) / 24)
HOUR_SHARE: Floats = _HOURS / _HOURS.sum()


def draw_day(world: World, day: date, blocks: int) -> list[RawTweet]:
    """Draw the day's tweets in (posted_at, external_id) order; the first `blocks` of an endless day."""
    tweets = [tweet for block in range(blocks) for tweet in draw_block(world, day, block)]
    return sorted(tweets, key=lambda tweet: (tweet.posted_at, tweet.external_id))


def draw_block(world: World, day: date, block: int) -> list[RawTweet]:
    """Draw BLOCK tweets from all hours, in no order; from seed, day and block number alone."""
    draw = np.random.default_rng([world.seed, day.toordinal(), block])
    author = draw.choice(AUTHORS, BLOCK, p=world.author_share)
    topic = draw.choice(world.topics, BLOCK, p=world.compute_topic_share(day))
    shown = _draw_shown(draw)
    sentences = Sentences.draw(draw, world, day, topic)
    like_count = draw_likes(
        draw, day, world.reach[author], world.compute_heat(day)[topic], sentences.sum_effects(), shown
    )
    texts = sentences.write_originals(shown, world.usernames)
    midnight = datetime.combine(day, time(), UTC)
    profiles = world.profiles.read(set(author.tolist()), day)
    columns = (
        draw.choice(len(KINDS), BLOCK, p=list(KINDS.values())),
        author,
        shown.hour * 3_600_000 + draw.integers(3_600_000, size=BLOCK),
        like_count,
        draw.binomial(like_count, 0.2),
        draw.binomial(like_count, 0.1),
        shown.photos,
        shown.video,
        shown.quote,
    )
    names = list(KINDS)
    tweets = []
    for index, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        kind, by, milliseconds, liked, shared, answered, photos, video, quote = row
        language, text = _write_text(names[kind], index, by, texts, sentences, world)
        tweets.append(
            RawTweet(
                external_id=f"sim-{world.seed}-{day:%Y%m%d}-{block * BLOCK + index:07d}",
                posted_at=midnight + timedelta(milliseconds=milliseconds),
                author_id=f"sim-{world.seed}-{by}",
                username=world.usernames[by],
                text=text,
                language=language,
                like_count=liked,
                retweet_count=shared,
                reply_count=answered,
                photos_count=photos,
                has_video=bool(video),
                is_quote=bool(quote),
                is_reply=names[kind] == "reply",
                is_retweet=names[kind] == "retweet",
                profile=profiles[by],
            )
        )
    return tweets


def _draw_shown(draw: np.random.Generator) -> Shown:
    photo = draw.random(BLOCK) < 0.2
    return Shown(
        hour=draw.choice(24, BLOCK, p=HOUR_SHARE),
        photos=photo * draw.integers(1, 5, size=BLOCK),
        video=(~photo & (draw.random(BLOCK) < 0.06)).astype(np.int64),
        link=(draw.random(BLOCK) < 0.3).astype(np.int64),
        quote=(draw.random(BLOCK) < 0.1).astype(np.int64),
        mentions=(draw.random(BLOCK) < 0.15).astype(np.int64),
        hashtags=draw.binomial(3, 0.2, size=BLOCK),
    )


def _write_text(
    kind: str, index: int, author: int, texts: list[str], sentences: Sentences, world: World
) -> tuple[str, str]:
    """Write language and text of one tweet."""
    other = world.usernames[(author * 7 + index) % AUTHORS]
    match kind:
        case "foreign":
            return sentences.write_foreign(index)
        case "reply":
            return "en", sentences.write_reply(index, other)
        case "retweet":
            return "en", f"RT @{other}: {texts[index]}"
        case "copy":
            return "en", texts[index // 2]
        case "only link":
            return "en", f"https://simulated.example/{index}"
    return "en", texts[index]
