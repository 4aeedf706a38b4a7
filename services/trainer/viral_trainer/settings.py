"""Hold the trainer's own settings."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from viral_common.cores import count_usable_cores
from viral_common.ray_cluster import RaySettings
from viral_common.signing.settings import SigningSettings

# With its commit on the hub; its files' digests are in `viral_trainer.model.base_model`.
DEFAULT_BASE_MODEL = "google/bert_uncased_L-2_H-128_A-2@30b0a37ccaaa32f332884b96992754e246e48c5f"


class TrainerSettings(SigningSettings, RaySettings):
    """What to train from, on how much, and how hard."""

    account: ClassVar[str] = "trainer"
    usual_health_port: ClassVar[int] = 8102

    base_model: str = Field(
        default=DEFAULT_BASE_MODEL,
        description="Encoder to start from: a directory, or a name on the hub with @ and a commit",
    )
    encoder_layers: int = Field(
        default=1,
        ge=1,
        description="Layers of the base model that are used, from the first; a BERT's last of them reads CLS alone",
    )
    frozen_layers: int = Field(
        default=0,
        ge=0,
        description="Of these layers, how many are not trained, from the first; word embeddings never are",
    )
    max_tokens: int = Field(default=128, ge=8, le=512, description="Tokens of a tweet that are read")
    window_batches: int = Field(
        default=7, ge=1, description="Batches to train on: the new one and those before"
    )
    min_train_tweets: int = Field(
        default=200, ge=10, description="With fewer labelled tweets in the window nothing is trained"
    )
    train_epochs: int = Field(
        default=2,
        ge=1,
        description="Passes over the tweets, unless it stops getting better; small windows get up to four",
    )
    train_batch_size: int = Field(default=64, ge=2, description="Tweets per step of the optimizer")
    encoder_lr: float = Field(default=1e-4, gt=0, description="Peak learning rate of the encoder")
    head_lr: float = Field(
        default=1e-3, gt=0, description="Peak learning rate of the layers after the encoder"
    )
    class_weight: float = Field(
        default=0,
        ge=0,
        le=1,
        description="0: every tweet weighs the same in training; 1: viral tweets weigh as much as all others together",
    )
    train_seed: int = Field(default=7, description="The same seed and tweets give the same model")
    train_memory: int = Field(
        default=0, ge=0, description="MiB that a training may take, in its process of its own; 0: no limit"
    )
    train_threads: int = Field(default=0, ge=0, description="Cores to train on; 0: all of this machine")

    ray_workers: int = Field(default=2, ge=1, description="Workers of Ray that train together, at most")
    ray_min_workers: int = Field(
        default=1, ge=1, description="Workers that a training on Ray begins with, or goes on with, at least"
    )
    ray_worker_resources: dict[str, float] = Field(
        default={"CPU": 1},
        description="What each worker takes, as Ray names it; a GPU, too, where there are any, unless this says 0",
    )
    ray_max_failures: int = Field(
        default=3, ge=0, description="Workers lost in a training on Ray, after which the attempt has failed"
    )
    ray_timeout_s: float = Field(
        default=600,
        gt=0,
        description="Without a word from Ray's workers for so long, the training is begun again",
    )

    @field_validator("ray_min_workers")
    @classmethod
    def _check_ray_min_workers(cls, value: int, info: ValidationInfo) -> int:
        if value > info.data.get("ray_workers", value):
            raise ValueError("it must not be more than VIRAL_RAY_WORKERS")
        return value

    @model_validator(mode="after")
    def _check_layers(self) -> Self:
        if self.frozen_layers > self.encoder_layers:
            raise ValueError(
                f"VIRAL_FROZEN_LAYERS: {self.frozen_layers} are more than VIRAL_ENCODER_LAYERS, {self.encoder_layers}"
            )
        return self

    @property
    def cores(self) -> int:
        """`train_threads`, or what this process may use."""
        return self.train_threads or count_usable_cores()


class OfflineSettings(TrainerSettings):
    """For commands that work on a file: neither Postgres nor RabbitMQ need be named, for neither is asked."""

    database_url: SecretStr = SecretStr("postgresql://nobody@127.0.0.1/nowhere")
    rabbitmq_url: SecretStr = SecretStr("amqp://nobody@127.0.0.1/nowhere")
