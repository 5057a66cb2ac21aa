import assert from "node:assert/strict";
import { test } from "node:test";
import { repeatedName } from "./json";

test("a name that an object has twice is found, however it is written and wherever it stands", () => {
  for (const [text, name] of [
    ['{"flags":["Liability is uncapped"],"flags":[]}', "flags"],
    ['{"a":{"b":1,"c":[{"x":1},{"y":1,"y" : 2}]}}', "y"],
    ['{"fl\\u0061gs":1,"flags":2}', "flags"],
    ['{"__proto__":1,"__proto__":2}', "__proto__"],
    ['{"":1,"":2}', ""],
  ] as const)
    assert.equal(repeatedName(text), name, text);
});

test("the same name in different objects, or as a value, is not repeated", () => {
  for (const text of [
    '[{"a":1},{"a":2}]',
    '{"a":{"a":{"a":"a"}},"b":"a"}',
    '{"a":"{\\"a\\":1,\\"a\\":2}","b":"\\\\","c":"]"}',
    '["a","a"]',
    "3",
    `{"a":"${'x\\n\\"'.repeat(1_000_000)}","b":{"a":1}}`,
  ])
    assert.equal(repeatedName(text), undefined, text);
});
