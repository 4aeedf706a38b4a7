"""Posts of X API v2 as tweets. The fields: https://docs.x.com/x-api/fundamentals/data-dictionary"""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, NonNegativeInt, StringConstraints
from viral_common.archive.twint import text_as_typed
from viral_common.text import clean
from viral_common.tweets import RawTweet

Id = Annotated[str, StringConstraints(pattern=r"^\d{1,19}$")]


class Metrics(BaseModel):
    """What readers did with a post."""

    like_count: NonNegativeInt
    retweet_count: NonNegativeInt
    reply_count: NonNegativeInt


class Link(BaseModel):
    """A t.co link in the text; those with a media key were put there by X."""

    url: str
    expanded_url: str = ""
    media_key: str | None = None


class Entities(BaseModel):
    """What stands in the text."""

    urls: list[Link] = []


class LongText(BaseModel):
    """The whole of a text that is longer than 280 characters."""

    text: str
    entities: Entities = Entities()


class Reference(BaseModel):
    """Another post that this one repeats, quotes or answers."""

    type: str
    id: Id


class Attachments(BaseModel):
    """Photos and videos, by key."""

    media_keys: list[str] = []


class Counted(BaseModel):
    """A post as far as refreshing reads it."""

    id: Id
    public_metrics: Metrics


class Post(Counted):
    """A post as far as the product reads it."""

    author_id: Id
    created_at: AwareDatetime
    text: str
    lang: str = ""
    entities: Entities = Entities()
    note_tweet: LongText | None = None
    referenced_tweets: list[Reference] = []
    attachments: Attachments = Attachments()


class User(BaseModel):
    """A post's author."""

    id: Id
    username: str


class Media(BaseModel):
    """One photo, video or animated GIF."""

    media_key: str
    type: str


class Includes(BaseModel):
    """What the posts of a page refer to."""

    users: list[User] = []
    media: list[Media] = []


class Meta(BaseModel):
    """Where the next page is."""

    next_token: str | None = None


class Page(BaseModel):
    """One answer; its posts are read one by one, so that a broken one is left out alone."""

    data: list[dict[str, object]] = Field(default=[])
    includes: Includes = Includes()
    meta: Meta = Meta()


def tweet_of(post: Post, includes: Includes, read_at: AwareDatetime) -> RawTweet:
    """Without the links that X appends for media and the quoted post; without expansion the id is the username."""
    types = {media.media_key: media.type for media in includes.media}
    shown = [types.get(key, "") for key in post.attachments.media_keys]
    refers = {reference.type: reference.id for reference in post.referenced_tweets}
    usernames = {user.id: user.username for user in includes.users}
    return RawTweet(
        external_id=post.id,
        posted_at=post.created_at,
        author_id=post.author_id,
        username=clean(usernames.get(post.author_id, post.author_id)),
        text=_typed(post, refers.get("quoted")),
        language=post.lang,
        like_count=post.public_metrics.like_count,
        retweet_count=post.public_metrics.retweet_count,
        reply_count=post.public_metrics.reply_count,
        photos_count=shown.count("photo"),
        has_video="video" in shown or "animated_gif" in shown,
        is_quote="quoted" in refers,
        is_reply="replied_to" in refers,
        is_retweet="retweeted" in refers,
        counts_observed_at=read_at,
    )


def _typed(post: Post, quoted: str | None) -> str:
    whole = post.note_tweet or LongText(text=post.text, entities=post.entities)
    own = [
        link
        for link in whole.entities.urls
        if link.media_key is None and not (quoted and link.expanded_url.endswith(f"/status/{quoted}"))
    ]
    text = text_as_typed(whole.text, [link.expanded_url for link in own], "")
    for link in own:
        text = text.replace(link.url, link.expanded_url or link.url)
    return text
