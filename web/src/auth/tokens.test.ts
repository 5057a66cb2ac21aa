import assert from "node:assert/strict";
import { test } from "node:test";
import { readClaims } from "./tokens";

test("claims of an ID token are read, non-ASCII text included", () => {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `x.${encode({ sub: "1", email: "zoë@müller.example", exp: 100, iat: 40 })}.y`;
  assert.deepEqual(readClaims(token), {
    subject: "1",
    email: "zoë@müller.example",
    expiresAt: 100_000,
    issuedAt: 40_000,
  });
  assert.throws(() => readClaims(`x.${encode({ sub: "1" })}.y`));
});
