import assert from "node:assert/strict";
import { test } from "node:test";
import { searchJson } from "./JsonSearch";
import { looksLikeMarkdown } from "./looks-like-markdown";

test("a search finds values and the values under a key, with their place", () => {
  const json = { clauses: [{ text: "Term of two years" }, { liability_cap: 7 }], law: "Norway" };
  assert.deepEqual(searchJson(json, "TWO"), [{ path: ["clauses", "0", "text"], value: "Term of two years" }]);
  assert.deepEqual(searchJson(json, "liability cap"), [{ path: ["clauses", "1", "liability_cap"], value: "7" }]);
  assert.deepEqual(searchJson(json, " "), []);
  const many = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  assert.equal(searchJson(many, "line", 50).length, 50);
});

test("only a text that was written as Markdown is taken for Markdown", () => {
  for (const text of [
    "# Summary\nfine",
    "- one\n- two",
    "**Risk:** high",
    "1. a\n2. b",
    "see [law](https://x.example/)",
  ])
    assert.equal(looksLikeMarkdown(text), true, text);
  for (const text of ["1. January 2026", "a * b * c", "5 - 3", "__init__ only", "snake_case and 2 ** 3", "(a)[b](c)"])
    assert.equal(looksLikeMarkdown(text), false, text);
});
