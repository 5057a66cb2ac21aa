import assert from "node:assert/strict";
import { test } from "node:test";
import { isId } from "./ids";

test("ids are distinguished from the beginnings of file names", () => {
  assert.ok(isId("906d03da-3840-5325-9a54-000000000001"));
  assert.ok(isId("906d03da-3840-5325-9a54-000000000001.a2"));
  assert.ok(isId("s3://bucket/inbound/acme/x.pdf"));
  assert.ok(isId("inbound/acme/x.pdf"));
  assert.ok(!isId("NDA 2026"));
  assert.ok(!isId("inbound mail.pdf"));
});
