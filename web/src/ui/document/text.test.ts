import assert from "node:assert/strict";
import { test } from "node:test";
import { PageText } from "./text";

/** The text that was found, run by run. */
function found(runs: string[], words: string): string[] | undefined {
  const parts = new PageText(runs.map((str) => ({ str }))).find(words);
  return parts?.map(({ run, from, to }) => runs[run]?.slice(from, to) ?? "");
}

test("words are found over line breaks, hyphens, spaces, quotation marks, ligatures and accents", () => {
  assert.deepEqual(found(["The liabil-", "ity is  not", " limited."], "liability is not limited"), [
    "liabil",
    "ity is  not",
    "limited",
  ]);
  assert.deepEqual(found(["“Aﬃliate” means x"], `"Affiliate" means`), ["Aﬃliate” means"]);
  assert.deepEqual(found(["K u¨ n d i g u n g der Vertra\u00adges"], "Kündigung der Vertrages"), [
    "K u¨ n d i g u n g der Vertra\u00adges",
  ]);
  assert.deepEqual(found(["Ağaoğlu Tekstil A.Ş."], "AGAOGLU TEKSTIL A.S."), ["Ağaoğlu Tekstil A.Ş"]);
  assert.deepEqual(found(["合同自签署之日起生效"], "自签署之日起"), ["自签署之日起"]);
  assert.deepEqual(found(["𝐀 bold 𝐁old word"], "bold word"), ["𝐁old word"]);
});

test("of words that are cut off or go on on the next page the beginning is found", () => {
  const runs = ["Either party may terminate this Agreement on thirty days"];
  assert.deepEqual(found(runs, "Either party may terminate this Agreement on thirty days' notice to the other"), [
    "Either party may terminate this Agreement on thirty days",
  ]);
});

test("other words and words without enough letters are not found", () => {
  assert.equal(found(["The liability is limited"], "the indemnity is unlimited"), undefined);
  assert.equal(found(["a b c"], "a b"), undefined);
  assert.equal(found(["---"], "—"), undefined);
});
