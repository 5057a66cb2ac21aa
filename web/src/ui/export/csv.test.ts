import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobView } from "../../api/types";
import type { Finding } from "../result/finding";
import { csv } from "./csv";
import { fileName } from "./save";

const job: JobView = {
  id: "9e70cad0",
  version: 3,
  status: "Ready",
  pipeline: "legal-review",
  tenant: "acme",
  name: 'Lease, "final".pdf',
  bytes: 1,
  attempt: 1,
  created_at: 0,
  updated_at: 0,
};
const finding: Finding = {
  rank: "high",
  level: "high",
  title: "liability_cap",
  text: "uncapped\nliability",
  quote: "=HYPERLINK(1)",
  page: 3,
  box: undefined,
  confidence: undefined,
  rest: [],
};

test("each finding is a line, a contract without any is one too, and no cell is a formula", () => {
  const text = csv(
    [
      {
        job,
        findings: [finding, { ...finding, text: "-1", page: 0, confidence: 0.5, rest: [["remedy", { cap: "1 M" }]] }],
      },
      { job: { ...job, name: "b.pdf" }, findings: undefined },
    ],
    "https://docket.example",
  );
  assert.ok(text.startsWith("\ufeffContract,"));
  const [, first, second, third, end] = text.split("\r\n");
  assert.ok(first?.startsWith('"Lease, ""final"".pdf",'), first);
  assert.ok(first?.includes('"uncapped\nliability",\'=HYPERLINK(1),3,,,https://docket.example/jobs/9e70cad0'), first);
  assert.ok(second?.includes("liability_cap,'-1,"), second);
  assert.ok(second?.includes("whole document,0.5,Remedy: Cap: 1 M,https"), second);
  assert.ok(third?.startsWith("b.pdf,"), third);
  assert.equal(end, "");
});

test("a result whose findings are not known says so in the table", () => {
  const text = csv([{ job, findings: "not counted: the result has another form" }], "https://docket.example");
  assert.ok(text.includes(",Ready,not counted: the result has another form,"), text);
});

test("a name of a contract becomes the name of a file on every system", () => {
  assert.equal(fileName("Lease.PDF", "docx"), "Lease.docx");
  assert.equal(fileName('a/b\\c:d*"?<>|.pdf', "docx"), "a_b_c_d_.docx");
  assert.equal(fileName("\u202efdp.pdf", "docx"), "_fdp.docx");
  assert.equal(fileName("..", "docx"), "contract.docx");
  assert.equal(fileName("合".repeat(300), "docx").length, 125);
});
