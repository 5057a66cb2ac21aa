"""Tests of what the benchmark works out by itself: sizes, units, and whether a program trusts its root."""

from pathlib import Path
import tempfile
import unittest
from unittest import mock
import zipfile

import build
import cold_start
from units import base_units, index_units, item_bytes, read_units
from wire import Table, Wire

TABLE = Table(["job_id"], {"by_next_check": ["check_shard", "next_check_at"]})
KEYS = (["job_id"], ["check_shard", "next_check_at"])
PEM = "-----BEGIN CERTIFICATE-----\nMIIDEDCC\nAfigAwIB\nAgIUdRAJ\n-----END CERTIFICATE-----\n"


def row(**more: str) -> dict:
    """A small item; numbers by name."""
    return {"job_id": {"S": "a"}, **{name: {"N": number} for name, number in more.items()}}


class Units(unittest.TestCase):
    """The rules of the developer guide."""

    def test_sizes_are_those_of_names_and_values(self):
        self.assertEqual(item_bytes({"ab": {"S": "€"}}), 2 + 3)
        self.assertEqual(item_bytes({"n": {"N": "12345"}}), 1 + 4)
        self.assertEqual(item_bytes({"n": {"N": "-1"}}), 1 + 3)
        self.assertEqual(item_bytes({"b": {"BOOL": True}, "z": {"NULL": True}}), 4)
        self.assertEqual(item_bytes({"x": {"B": "AAECAw=="}}), 1 + 4)
        self.assertEqual(item_bytes({"l": {"L": [{"S": "a"}, {"S": "bc"}]}}), 1 + 3 + 2 + 3)
        self.assertEqual(item_bytes({"m": {"M": {"k": {"S": "v"}}}}), 1 + 3 + 1 + 1 + 1)
        with self.assertRaises(ValueError):
            item_bytes({"x": {"NS": ["1"]}})

    def test_a_write_is_charged_by_the_larger_of_before_and_after(self):
        small, large = row(), {"job_id": {"S": "a" * 1100}}
        self.assertEqual(base_units(None, small), 1)
        self.assertEqual(base_units(large, small), 2)
        self.assertEqual(base_units(small, None), 1)
        exactly = {"job_id": {"S": "a" * (1024 - len("job_id"))}}
        self.assertEqual(base_units(None, exactly), 1)

    def test_an_index_is_charged_by_what_happens_to_its_key(self):
        without, first, moved = row(), row(check_shard="1", next_check_at="5"), row(check_shard="1", next_check_at="6")
        self.assertEqual(index_units(None, without, *KEYS), 0)
        self.assertEqual(index_units(None, first, *KEYS), 1)
        self.assertEqual(index_units(first, first | {"other": {"S": "x"}}, *KEYS), 0)
        self.assertEqual(index_units(first, moved, *KEYS), 2)
        self.assertEqual(index_units(moved, without, *KEYS), 1)
        # What the entries hold beside keys costs one when it changes, and nothing when it stays.
        self.assertEqual(index_units(first, first | {"other": {"S": "x"}}, *KEYS, ["other"]), 1)
        self.assertEqual(index_units(first, first | {"more": {"S": "x"}}, *KEYS, ["other"]), 0)

    def test_a_read_is_charged_in_steps_of_4096_bytes_and_half_if_it_may_be_stale(self):
        self.assertEqual(read_units(0, True), 1)
        self.assertEqual(read_units(4096, True), 1)
        self.assertEqual(read_units(4097, True), 2)
        self.assertEqual(read_units(1, False), 0.5)


class Counting(unittest.TestCase):
    """What passes the proxies."""

    def setUp(self):
        self.wire = Wire("http://127.0.0.1:1", "http://127.0.0.1:1", {"jobs": TABLE})

    def test_a_key_that_is_not_there_costs_a_read(self):
        asked = {"RequestItems": {"jobs": {"Keys": [{}, {}], "ConsistentRead": True}}}
        self.wire.count_read("BatchGetItem", asked, {"Responses": {"jobs": [row()]}})
        self.assertEqual(self.wire.ledger.reads["jobs"], 2)

    def test_what_cannot_be_counted_is_refused(self):
        for operation, asked in (("Scan", {}), ("Query", {"TableName": "jobs", "FilterExpression": "x"})):
            with self.assertRaises(ValueError):
                self.wire.count_read(operation, asked, {})
        described = {"KeySchema": [], "GlobalSecondaryIndexes": [{"IndexName": "i", "Projection": {"ProjectionType": "ALL"}}]}
        with self.assertRaises(ValueError):
            Table.described(described)

    def test_a_write_is_noted_with_its_index_and_its_row(self):
        self.wire.count_write("jobs", None, row(check_shard="1", next_check_at="5"))
        self.wire.count_write("jobs", row(check_shard="1", next_check_at="5"), row())
        self.assertEqual(self.wire.ledger.base_writes["jobs"], 2)
        self.assertEqual(self.wire.ledger.index_writes["by_next_check"], 2)
        self.assertEqual(self.wire.ledger.row_bytes["jobs"], len("job_id") + 1)


class Programs(unittest.TestCase):
    """What must not happen to a zip, and what is counted."""

    def test_a_zip_that_trusts_the_root_is_found(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(build, "ZIPS", Path(folder)):
            for name, program in (("good", b"\x7fELF code"), ("bad", b"\x7fELF " + PEM.encode() + b" code")):
                with zipfile.ZipFile(Path(folder) / f"{name}.zip", "w") as archive:
                    archive.writestr("bootstrap", program)
            self.assertEqual(build.tainted_zips(PEM), ["bad.zip"])

    def test_every_function_has_an_event(self):
        for name in build.functions():
            self.assertTrue(cold_start.event(name).startswith(b"{"), name)

    def test_the_count_ends_where_the_first_call_does(self):
        parts = [("x::GetItemFluentBuilder::send", 10), ("drop<x::GetItemFluentBuilder::send>", 5), ("x::QueryFluentBuilder::send", 7)]
        text = "version: 1\n"
        for place, (name, total) in enumerate(parts, 1):
            text += f"part: {place}\n\ndesc: Trigger: --dump-after={name}\n\nevents: Ir\nfn=f\n1 {total}\ntotals: {total}\n"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "profile"
            file.write_text(text)
            self.assertEqual(cold_start.cut(file, "DynamoDB GetItem"), 15)
            self.assertNotIn("part: 3", file.read_text())
            with self.assertRaises(RuntimeError):
                cold_start.cut(file, "DynamoDB PutItem")


if __name__ == "__main__":
    unittest.main()
