"""Damage bytes, JSON and protobuf, each in its own way."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

NUMBERS = (
    0,
    1,
    -1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**53 + 1,
    2**63 - 1,
    2**63,
    10**40,
)
VALUES: tuple[Any, ...] = (
    *NUMBERS,
    *(None, True, False, "", [], {}, 0.5, -0.0, 1e308, float("nan"), float("inf"), float("-inf")),
    *("\0", "\ud800", "\x1b[2J", "é" * 40, "x" * 30_000, "../../etc/passwd", "0001-01-01T00:00:00+23:59"),
    *(
        "9999-12-31T23:59:59-23:59",
        "2026-02-30",
        "1" * 5_000,
        "&#xD800;",
        "http://" + "a" * 3_000,
        [[]],
        {"": {}},
    ),
)
# Put in as a text, for a value nested so deeply cannot be written by `json`.
_DEEP = "\u0007deep"


def mutate_bytes(rng: random.Random, data: bytes, most: int = 6) -> bytes:
    """Change up to so many places: bits, numbers, whole ranges."""
    body = bytearray(data)
    for _ in range(rng.randint(1, most)):
        place = rng.randrange(len(body) + 1)
        size = min(rng.choice((1, 2, 4, 8, 64, 1024)), len(body) - place)
        match rng.randrange(8):
            case 0 if size:
                body[place] ^= 1 << rng.randrange(8)
            case 1:
                body[place : place + size] = rng.randbytes(size)
            case 2:
                body[place:place] = rng.randbytes(rng.choice((1, 4, 100)))
            case 3:
                del body[place : place + size]
            case 4:
                body[place:place] = body[place : place + size] * rng.choice((1, 3, 50))
            case 5:
                width = rng.choice((1, 2, 4, 8))
                number = rng.choice(NUMBERS) % (1 << 8 * width)
                body[place : place + width] = number.to_bytes(width, rng.choice(("little", "big")))
            case 6 if rng.random() < 0.3:
                del body[place:]
            case _:
                body[place : place + size] = bytes(size)
    return bytes(body)


def mutate_thrift(rng: random.Random, data: bytes, place: int = 0) -> bytes:
    """Change up to four whole numbers of the struct in thrift's compact form that begins there, as in Parquet."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        spans: list[tuple[int, int]] = []
        find_thrift_numbers(data, place, spans)
        start, end = rng.choice(spans)
        true = _read_varint(data, start)[0] >> 1
        number = rng.choice((*NUMBERS, true + 1, true * 2, true * 1_000, true // 2, 100_000_000, 2**30))
        zigzag = (number << 1 if rng.random() < 0.9 else (number << 1) - 1) % (1 << 64)
        data = data[:start] + pack_varint(zigzag) + data[end:]
    return data


def find_thrift_numbers(data: bytes, place: int, spans: list[tuple[int, int]]) -> int:
    """Find where the numbers of a struct stand, and where it ends (github.com/apache/thrift, compact protocol)."""
    while kind := data[place] & 15:
        is_short, place = data[place] >> 4, place + 1
        place = place if is_short else _read_varint(data, place)[1]
        place = place if kind in (1, 2) else _find_value_numbers(data, place, kind, spans)
    return place + 1


def _find_value_numbers(data: bytes, place: int, kind: int, spans: list[tuple[int, int]]) -> int:
    match kind:
        case 1 | 2 | 3:
            return place + 1
        case 4 | 5 | 6:
            end = _read_varint(data, place)[1]
            spans.append((place, end))
            return end
        case 7:
            return place + 8
        case 8:
            size, start = _read_varint(data, place)
            return start + size
        case 9 | 10:
            size, inner, place = data[place] >> 4, data[place] & 15, place + 1
            if size == 15:
                size, place = _read_varint(data, place)
            for _ in range(size):
                place = _find_value_numbers(data, place, inner, spans)
            return place
        case _:
            return find_thrift_numbers(data, place, spans)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[place] & 127) << shift
        shift, place = shift + 7, place + 1
        if data[place - 1] < 128:
            return value, place


def pack_varint(number: int) -> bytes:
    packed = bytearray()
    while number > 127:
        packed.append(number & 127 | 0x80)
        number >>= 7
    return bytes([*packed, number])


def mutate_json(rng: random.Random, value: Any) -> bytes:
    """Change up to four values, keys or lengths, and at times the text they are written as."""
    value = json.loads(json.dumps(value))
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        holders = [one for one in _list_holders(value) if one]
        if not holders:
            break
        holder = rng.choice(holders)
        key: Any = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match rng.randrange(8):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[rng.choice(("", "\0", "type", "x" * 999, key + "x", "__class__"))] = holder.pop(key)
            case 1 | 2 if isinstance(holder, list):
                holder.extend(holder[key : key + 1] * rng.choice((1, 30, 1_000)))
            case 3:
                holder[key] = _DEEP
            case 4 if isinstance(holder[key], str):
                text, place = holder[key], rng.randint(0, len(holder[key]))
                holder[key] = text[:place] + str(rng.choice(VALUES)) + text[place:]
            case 5:
                holder[key] = [holder[key]]
            case 6:
                holder[key] = json.loads(json.dumps(rng.choice(list(_list_holders(value)))))
            case _:
                holder[key] = rng.choice(VALUES)
    depth = rng.choice((50, 900, 20_000))
    body = json.dumps(value).encode().replace(json.dumps(_DEEP).encode(), b"[" * depth + b"]" * depth, 3)
    return mutate_bytes(rng, body, 2) if rng.random() < 0.2 else body


def _list_holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _list_holders(inner)


def mutate_protobuf(rng: random.Random, message: Any, texts: tuple[str, ...]) -> None:
    """Change up to three fields anywhere in it; `texts` are put where one stands."""
    for _ in range(rng.randint(1, 3)):
        inner = list(_list_messages(message))
        holder: Any = rng.choice(inner)
        field = rng.choice(list(holder.DESCRIPTOR.fields))
        is_repeated = getattr(field, "is_repeated", None)
        if is_repeated is None:
            is_repeated = field.label == field.LABEL_REPEATED
        same = [one for one in inner if one.DESCRIPTOR is field.message_type]
        if rng.random() < 0.15:
            holder.ClearField(field.name)
        elif is_repeated:
            _change_list(rng, getattr(holder, field.name), field, same, texts)
        elif field.message_type is not None:
            if same:
                copied = type(same[0])()
                copied.CopyFrom(rng.choice(same))
                getattr(holder, field.name).CopyFrom(copied)
        else:
            setattr(holder, field.name, _make_scalar(rng, field, texts))


def _change_list(
    rng: random.Random, values: Any, field: Any, same: list[Any], texts: tuple[str, ...]
) -> None:
    if len(values) and rng.random() < 0.5:
        place = rng.randrange(len(values))
        if field.message_type is None:
            values[place] = _make_scalar(rng, field, texts)
        elif rng.random() < 0.5:
            del values[place]
        else:
            values.add().CopyFrom(values[place])
    elif field.message_type is None:
        values.extend(_make_scalar(rng, field, texts) for _ in range(rng.choice((1, 3, 1_000))))
    elif same:
        copied = type(same[0])()
        copied.CopyFrom(rng.choice(same))
        values.add().CopyFrom(copied)


def _make_scalar(rng: random.Random, field: Any, texts: tuple[str, ...]) -> Any:
    kinds = type(field)
    match field.cpp_type:
        case kinds.CPPTYPE_STRING:
            made = rng.choice((*texts, "", "x" * 5_000))
            return made.encode() if field.type == kinds.TYPE_BYTES else made
        case kinds.CPPTYPE_FLOAT | kinds.CPPTYPE_DOUBLE:
            return rng.choice((0.0, 1.0, -1.0, 3e38, float("nan"), float("inf"), 1e-40))
        case kinds.CPPTYPE_ENUM:
            return rng.choice(field.enum_type.values).number
        case kinds.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case kinds.CPPTYPE_INT32:
            return rng.choice(NUMBERS) % 2**32 - 2**31
        case kinds.CPPTYPE_UINT32:
            return rng.choice(NUMBERS) % 2**32
        case kinds.CPPTYPE_UINT64:
            return rng.choice(NUMBERS) % 2**64
        case _:
            number = rng.choice((*NUMBERS, *range(-3, 40), 2**20, 2**28, 2**34))
            return number if -(2**63) <= number < 2**63 else -number % 2**63


def _list_messages(message: Message) -> Iterator[Message]:
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in [value] if isinstance(value, Message) else value:
                yield from _list_messages(inner)
