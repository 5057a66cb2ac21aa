"""DynamoDB's read and write request units, by the rules of its developer guide
("DynamoDB item sizes and formats", "Read and write operations", "Global secondary indexes: Write capacity").
Items and keys are in DynamoDB's JSON: {"name": {"S": "text"}}. Sizes are in bytes.
"""

import math
from typing import Any

Item = dict[str, dict[str, Any]]

WRITE_BYTES = 1024
READ_BYTES = 4096


def value_bytes(value: dict[str, Any]) -> int:
    """Raises ValueError for an unknown type."""
    (kind, content), = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            # Two digits per byte, one more byte, and one for a sign. Leading and trailing zeros are free, so this is a maximum.
            digits = len(content.lstrip("-").replace(".", ""))
            return math.ceil(digits / 2) + 1 + content.startswith("-")
        case "BOOL" | "NULL":
            return 1
        case "B":
            padding = content.count("=")
            return len(content) * 3 // 4 - padding
        case "L":
            return 3 + sum(1 + value_bytes(entry) for entry in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_bytes(entry) for name, entry in content.items())
        case "SS":
            return sum(len(text.encode()) for text in content)
    raise ValueError(f"the size of a value of type {kind} is not known")


def item_bytes(item: Item) -> int:
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def index_write_units(before: Item | None, after: Item | None, table_keys: list[str], index_keys: list[str], projected: list[str] | None = None) -> int:
    """Write units of one index that projects the non-key attributes `projected`. An entry that is added, changed or
    removed is one write; a changed key is two (DynamoDB developer guide, "Provisioned throughput considerations for GSIs")."""

    def entry(item: Item | None) -> Item | None:
        # An item without all key attributes of the index is not in it.
        if item is None or any(name not in item for name in index_keys):
            return None
        return {name: item[name] for name in [*index_keys, *table_keys, *(projected or [])] if name in item}

    old, new = entry(before), entry(after)
    if old == new:
        return 0
    if old is not None and new is not None and all(old[name] == new[name] for name in index_keys):
        return math.ceil(max(item_bytes(old), item_bytes(new)) / WRITE_BYTES)
    return sum(math.ceil(item_bytes(part) / WRITE_BYTES) for part in (old, new) if part is not None)


def table_write_units(before: Item | None, after: Item | None) -> int:
    """Write units of the table itself: by the larger of the item before and after, at least one.

    A failed condition costs the same, with `after` as the existing item.
    """
    largest = max(item_bytes(before or {}), item_bytes(after or {}))
    return max(1, math.ceil(largest / WRITE_BYTES))


def read_units(size: int, consistent: bool) -> float:
    """Read units of `size` bytes: of the item for GetItem, of all evaluated items for Query."""
    return max(1, math.ceil(size / READ_BYTES)) * (1.0 if consistent else 0.5)
