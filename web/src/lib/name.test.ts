import assert from "node:assert/strict";
import { test } from "node:test";
import { foldName } from "./name";

// The same pairs are in crates/api/src/name.rs.
test("names that look alike are equal", () => {
  for (const [name, like] of [
    ["Verträge.pdf", "Vertra\u0308ge.pdf"],
    ["\ufeffnda.pdf", "nda.pdf"],
    ["\u200b\u202enda.pdf", "NDA.pdf"],
    ["n\ufeffda.pdf", "nda.pdf"],
    ["n\u00adda.pdf", "nda.pdf"],
    ["\u00a0 my  nda.pdf", "My nda.pdf"],
    ["\u0007nda.pdf", "nda.pdf"],
    ["\u1112\u1161\u11ab.pdf", "한.pdf"],
    ["ÅNGSTRÖM", "a\u030angstro\u0308m"],
    ["ΣΥΜΒΆΣΗΣ.pdf", "Συμβάσης.pdf"],
    ["ΣΥΜΒΆΣΗΣ ΣΑΣ", "συμβάσης σας"],
    ["oﬃce ﬁle.pdf", "office file.pdf"],
    ["ＮＤＡ（１）．ｐｄｆ", "nda(1).pdf"],
    ["a\u3000b.pdf", "a b.pdf"],
    ["ｹｲﾔｸｼｮ ｶﾞ.pdf", "ケイヤクショ ガ.pdf"],
  ] as const)
    assert.equal(foldName(name), foldName(like));
  assert.notEqual(foldName("Verträge"), foldName("Vertrage"));
});
