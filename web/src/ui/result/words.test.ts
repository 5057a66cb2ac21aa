import assert from "node:assert/strict";
import { test } from "node:test";
import { modelSentence } from "./words";

test("a model is named as people name one, and the rest of what is said of it stands in brackets", () => {
  assert.equal(modelSentence([["name", "legal-1"]]), "Model: legal-1.");
  const more = modelSentence([
    ["kind", "rules"],
    ["name", "legal-1"],
    ["trained_on", ["a", "b"]],
  ]);
  assert.equal(more, "Model: legal-1 (Kind: rules, Trained on: a; b).");
  assert.equal(modelSentence([["kind", "rules"]]), "Model (Kind: rules).");
  assert.equal(modelSentence([]), "");
});
