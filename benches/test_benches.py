"""Tests of the benchmark's own calculations: item sizes, capacity units, and programs that trust its root."""

import importlib.util
from pathlib import Path
import tempfile
import unittest
from unittest import mock
import zipfile

import build
import cold_start
from capacity_units import table_write_units, index_write_units, item_bytes, read_units
from proxies import CountingProxies, Table

TABLE = Table(["job_id"], {"by_next_check": ["check_shard", "next_check_at"]})
KEYS = (["job_id"], ["check_shard", "next_check_at"])
PEM = "-----BEGIN CERTIFICATE-----\nMIIDEDCC\nAfigAwIB\nAgIUdRAJ\n-----END CERTIFICATE-----\n"


def row(**more: str) -> dict:
    """A small item; numbers by name."""
    return {"job_id": {"S": "a"}, **{name: {"N": number} for name, number in more.items()}}


class CapacityUnitsTest(unittest.TestCase):
    """The rules of the DynamoDB developer guide."""

    def test_item_size_is_the_sum_of_names_and_values(self):
        self.assertEqual(item_bytes({"ab": {"S": "€"}}), 2 + 3)
        self.assertEqual(item_bytes({"n": {"N": "12345"}}), 1 + 4)
        self.assertEqual(item_bytes({"n": {"N": "-1"}}), 1 + 3)
        self.assertEqual(item_bytes({"b": {"BOOL": True}, "z": {"NULL": True}}), 4)
        self.assertEqual(item_bytes({"x": {"B": "AAECAw=="}}), 1 + 4)
        self.assertEqual(item_bytes({"l": {"L": [{"S": "a"}, {"S": "bc"}]}}), 1 + 3 + 2 + 3)
        self.assertEqual(item_bytes({"m": {"M": {"k": {"S": "v"}}}}), 1 + 3 + 1 + 1 + 1)
        with self.assertRaises(ValueError):
            item_bytes({"x": {"NS": ["1"]}})

    def test_write_units_follow_the_larger_of_the_item_before_and_after(self):
        small, large = row(), {"job_id": {"S": "a" * 1100}}
        self.assertEqual(table_write_units(None, small), 1)
        self.assertEqual(table_write_units(large, small), 2)
        self.assertEqual(table_write_units(small, None), 1)
        exactly = {"job_id": {"S": "a" * (1024 - len("job_id"))}}
        self.assertEqual(table_write_units(None, exactly), 1)

    def test_index_write_units_depend_on_changes_of_its_entry(self):
        without, first, moved = row(), row(check_shard="1", next_check_at="5"), row(check_shard="1", next_check_at="6")
        self.assertEqual(index_write_units(None, without, *KEYS), 0)
        self.assertEqual(index_write_units(None, first, *KEYS), 1)
        self.assertEqual(index_write_units(first, first | {"other": {"S": "x"}}, *KEYS), 0)
        self.assertEqual(index_write_units(first, moved, *KEYS), 2)
        self.assertEqual(index_write_units(moved, without, *KEYS), 1)
        # A projected attribute costs one when it changes, and nothing otherwise.
        self.assertEqual(index_write_units(first, first | {"other": {"S": "x"}}, *KEYS, ["other"]), 1)
        self.assertEqual(index_write_units(first, first | {"more": {"S": "x"}}, *KEYS, ["other"]), 0)

    def test_read_units_count_4096_byte_steps_and_half_if_eventually_consistent(self):
        self.assertEqual(read_units(0, True), 1)
        self.assertEqual(read_units(4096, True), 1)
        self.assertEqual(read_units(4097, True), 2)
        self.assertEqual(read_units(1, False), 0.5)


@unittest.skipUnless(importlib.util.find_spec("PIL") and importlib.util.find_spec("numpy"), "requirements-ocr.txt is not installed")
class OcrPagesTest(unittest.TestCase):
    """Places on turned and skewed pages."""

    def test_places_on_turned_and_skewed_pages_are_found_on_the_upright_page(self):
        import ocr_pages
        from PIL import Image

        # A mark of 7 × 7 pixels away from the centre, and where Pillow puts it.
        x, y = 1200, 400
        picture = Image.new("L", (ocr_pages.WIDTH, ocr_pages.HEIGHT), 255)
        picture.paste(0, (x - 3, y - 3, x + 4, y + 4))
        page = ocr_pages.ContractPage("en", picture, [])
        for kind in ("clean", "skewed"):
            for seed in (0, 1):
                for turned in (0, 90, 180, 270):
                    found = ocr_pages.scanned(page, kind, seed).rotate(turned, expand=True).point(lambda level: 255 * (level < 128)).getbbox()
                    middle = ((found[0] + found[2]) / 2, (found[1] + found[3]) / 2)
                    right, down = ocr_pages.upright(middle, kind, seed, turned)
                    self.assertLess(abs(right - x) + abs(down - y), 3, (kind, seed, turned))


class CountingProxiesTest(unittest.TestCase):
    """Counting of calls."""

    def setUp(self):
        self.proxies = CountingProxies("http://127.0.0.1:1", "http://127.0.0.1:1", {"jobs": TABLE})

    def test_missing_key_consumes_a_read(self):
        request = {"RequestItems": {"jobs": {"Keys": [{}, {}], "ConsistentRead": True}}}
        self.proxies.count_read("BatchGetItem", request, {"Responses": {"jobs": [row()]}})
        self.assertEqual(self.proxies.usage.reads["jobs"], 2)

    def test_operation_of_unknown_cost_is_refused(self):
        for operation, request in (("Scan", {}), ("Query", {"TableName": "jobs", "FilterExpression": "x"})):
            with self.assertRaises(ValueError):
                self.proxies.count_read(operation, request, {})
        described = {"KeySchema": [], "GlobalSecondaryIndexes": [{"IndexName": "i", "Projection": {"ProjectionType": "ALL"}}]}
        with self.assertRaises(ValueError):
            Table.described(described)

    def test_write_counts_table_index_and_row_bytes(self):
        self.proxies.count_write("jobs", None, row(check_shard="1", next_check_at="5"))
        self.proxies.count_write("jobs", row(check_shard="1", next_check_at="5"), row())
        self.assertEqual(self.proxies.usage.table_writes["jobs"], 2)
        self.assertEqual(self.proxies.usage.index_writes["by_next_check"], 2)
        self.assertEqual(self.proxies.usage.row_bytes["jobs"], len("job_id") + 1)


class ProgramsTest(unittest.TestCase):
    """Zips, example events, and the end of the count."""

    def test_zip_that_trusts_the_benchmark_root_is_reported(self):
        with tempfile.TemporaryDirectory() as folder, mock.patch.object(build, "ZIPS", Path(folder)):
            for name, program in (("good", b"\x7fELF code"), ("bad", b"\x7fELF " + PEM.encode() + b" code")):
                with zipfile.ZipFile(Path(folder) / f"{name}.zip", "w") as archive:
                    archive.writestr("bootstrap", program)
            self.assertEqual(build.zips_with_bench_root(PEM), ["bad.zip"])

    def test_every_function_has_an_example_event(self):
        for name in build.functions():
            self.assertTrue(cold_start.event(name).startswith(b"{"), name)

    def test_count_ends_with_the_first_call(self):
        parts = [("x::GetItemFluentBuilder::send", 10), ("drop<x::GetItemFluentBuilder::send>", 5), ("x::QueryFluentBuilder::send", 7)]
        text = "version: 1\n"
        for number, (name, total) in enumerate(parts, 1):
            text += f"part: {number}\n\ndesc: Trigger: --dump-after={name}\n\nevents: Ir\nfn=f\n1 {total}\ntotals: {total}\n"
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "profile"
            file.write_text(text)
            self.assertEqual(cold_start.cut(file, "DynamoDB GetItem"), 15)
            self.assertNotIn("part: 3", file.read_text())
            with self.assertRaises(RuntimeError):
                cold_start.cut(file, "DynamoDB PutItem")


if __name__ == "__main__":
    unittest.main()
