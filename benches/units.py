"""What DynamoDB charges on demand, in read and write request units, by the rules of its developer guide
("DynamoDB item sizes and formats", "Read and write operations", "Global secondary indexes: Write capacity").
Items and keys are in DynamoDB's JSON: {"name": {"S": "text"}}. Sizes are in bytes.
"""

import math
from typing import Any

Item = dict[str, dict[str, Any]]

WRITE_BYTES = 1024
READ_BYTES = 4096


def value_bytes(value: dict[str, Any]) -> int:
    """The size of a value. Raises ValueError for a type that is not known."""
    (kind, held), = value.items()
    match kind:
        case "S":
            return len(held.encode())
        case "N":
            # Two digits a byte, one byte more, one for a sign. Zeros at the ends would be free: this is the upper bound.
            digits = len(held.lstrip("-").replace(".", ""))
            return math.ceil(digits / 2) + 1 + held.startswith("-")
        case "BOOL" | "NULL":
            return 1
        case "B":
            padding = held.count("=")
            return len(held) * 3 // 4 - padding
        case "L":
            return 3 + sum(1 + value_bytes(entry) for entry in held)
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_bytes(entry) for name, entry in held.items())
        case "SS":
            return sum(len(text.encode()) for text in held)
    raise ValueError(f"the size of a value of type {kind} is not known")


def item_bytes(item: Item) -> int:
    """The size of an item."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def index_units(before: Item | None, after: Item | None, table_keys: list[str], index_keys: list[str], held: list[str] | None = None) -> int:
    """Write units of one index, whose entries hold the attributes `held` beside keys: an entry written, changed or
    removed is one, a changed key is both (DynamoDB developer guide, "Provisioned throughput considerations for GSIs")."""

    def entry(item: Item | None) -> Item | None:
        # An item without all of the index's keys is not in it.
        if item is None or any(name not in item for name in index_keys):
            return None
        return {name: item[name] for name in [*index_keys, *table_keys, *(held or [])] if name in item}

    old, new = entry(before), entry(after)
    if old == new:
        return 0
    if old is not None and new is not None and all(old[name] == new[name] for name in index_keys):
        return math.ceil(max(item_bytes(old), item_bytes(new)) / WRITE_BYTES)
    return sum(math.ceil(item_bytes(part) / WRITE_BYTES) for part in (old, new) if part is not None)


def base_units(before: Item | None, after: Item | None) -> int:
    """Write units of the table itself: by the larger of the item before and after, one at least.

    A refused condition costs as much, with `after` being what was there.
    """
    largest = max(item_bytes(before or {}), item_bytes(after or {}))
    return max(1, math.ceil(largest / WRITE_BYTES))


def read_units(read: int, consistent: bool) -> float:
    """Read units of `read` bytes; of one item for GetItem, of all that were evaluated for Query."""
    return max(1, math.ceil(read / READ_BYTES)) * (1.0 if consistent else 0.5)
