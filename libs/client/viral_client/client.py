"""Call the gateway's API."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import httpx2

from viral_client.errors import GatewayAway, GatewayError
from viral_client.models import (
    Batch,
    ModelDetails,
    ModelVersion,
    Post,
    Predictions,
    Ranking,
    Readiness,
    Tweet,
)

# The gateway sends a comment at least every 15 seconds; when two did not come it is silent.
SILENCE_S = 40.0


class Client:
    """Call one gateway over kept connections; threads may share it.

    Every call raises GatewayError for a refusal and GatewayAway without an answer.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 30,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = {"User-Agent": "viral-client"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout_s, transport=transport)

    def predict(self, tweets: Iterable[str | Tweet], *, explain: bool = False) -> Predictions:
        """Predict 1 to 256 tweets, all by the same model. `explain` also weighs each word."""
        if isinstance(tweets, str | Tweet):  # a text is iterable too: each letter would be a tweet
            raise TypeError("give a list of tweets")
        asked = [tweet if isinstance(tweet, Tweet) else Tweet(text=tweet) for tweet in tweets]
        body = {
            "tweets": [tweet.model_dump(mode="json", exclude_none=True) for tweet in asked],
            "explain": explain,
        }
        return Predictions.model_validate(self._ask("POST", "/v1/predictions", json=body))

    def rank(self, drafts: Iterable[str], post: Post | None = None) -> Ranking:
        """Rank 2 to 10 drafts of one account; what `post` says beside goes for all of them."""
        if isinstance(drafts, str):
            raise TypeError("give a list of drafts")
        said = post.model_dump(mode="json", exclude_none=True, exclude={"text"}) if post else {}
        body = said | {"drafts": list(drafts)}
        return Ranking.model_validate(self._ask("POST", "/v1/rankings", json=body))

    def get_model(self) -> ModelDetails:
        """Get the model that answers."""
        return ModelDetails.model_validate(self._ask("GET", "/v1/model"))

    def list_models(self, limit: int = 100, offset: int = 0) -> Sequence[ModelVersion]:
        """List registered versions, newest first."""
        reply = self._ask("GET", "/v1/models", params={"limit": limit, "offset": offset})
        return [ModelVersion.model_validate(one) for one in reply["models"]]

    def list_batches(self, limit: int = 100, offset: int = 0) -> Sequence[Batch]:
        """List each batch's trail, newest first."""
        reply = self._ask("GET", "/v1/batches", params={"limit": limit, "offset": offset})
        return [Batch.model_validate(one) for one in reply["batches"]]

    def get_readiness(self) -> Readiness:
        """Get whether the gateway is ready, and what is missing; no exception if it is not."""
        with _translate_errors():
            reply = self._http.get("/health/ready")
        if reply.status_code in (200, 503):
            with suppress(ValueError):  # something between here and the gateway answers in its own way
                return Readiness.model_validate_json(reply.content)
        raise _build_refusal(reply)

    def stream_events(self, since: int | None = None) -> Iterator[ModelDetails]:
        """Yield each model that takes over, as it does; at once if a later promotion than `since` serves already.

        Ends when the gateway stops; go on with the `promotion_seq` of the last one as `since`.
        """
        params = {} if since is None else {"since": since}
        timeout = httpx2.Timeout(self._http.timeout.connect, read=SILENCE_S)
        with (
            _translate_errors(),
            self._http.stream("GET", "/v1/events", params=params, timeout=timeout) as stream,
        ):
            if not stream.is_success:
                stream.read()
                raise _build_refusal(stream)
            for line in stream.iter_lines():
                # Each event is one line of JSON; ids, names and comments say nothing more.
                if line.startswith("data:"):
                    yield ModelDetails.model_validate_json(line.removeprefix("data:"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        with _translate_errors():
            reply = self._http.request(method, path, **more)
        if not reply.is_success:
            raise _build_refusal(reply)
        return reply.json()


@contextmanager
def _translate_errors() -> Iterator[None]:
    try:
        yield
    except httpx2.TransportError as error:
        raise GatewayAway(f"the gateway does not answer: {error or type(error).__name__}") from error


def _build_refusal(reply: httpx2.Response) -> GatewayError:
    try:
        problem = reply.json()
    except ValueError:  # something between here and the gateway answers in its own way
        problem = None
    if not isinstance(problem, dict) or not isinstance(problem.get("errors", []), list):
        problem = {"title": reply.reason_phrase}
    return GatewayError(reply.status_code, problem, reply.headers)
