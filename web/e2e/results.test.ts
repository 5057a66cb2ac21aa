/** Results of any shape, over the fixture: everything in them is on the page, and what is cut off is said. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { signIn } from "./browser";
import { newJob } from "./fixture/jobs";
import { fixture, page, REVIEWER, SKIP_REASON, setUp } from "./harness";

describe("results of any shape", { skip: SKIP_REASON }, () => {
  setUp();

  async function open(result: unknown): Promise<void> {
    fixture.review = typeof result === "string" ? result : JSON.stringify(result);
    const job = fixture.set(newJob({ status: "Ready", version: 3 }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.locator(".review, .card h2:text-is('Result')").first().waitFor();
  }

  const shows = (text: string): Promise<void> => page.locator("main").getByText(text).first().waitFor();

  test("findings as strings, with other names and with other levels are findings in their own words", async () => {
    await open({
      flags: [
        "Liability is uncapped",
        { level: "CRITICAL", headline: "Assignment", body: "to anyone" },
        { level: "info", description: "signed twice" },
        { severity: "terrible", text: "no end", remedy: { what: "ask", by: "Legal" } },
      ],
    });
    await page.getByRole("heading", { name: /^4 findings/ }).waitFor();
    assert.equal(await page.getByText("No findings").count(), 0);
    for (const text of ["Liability is uncapped", "Critical", "Assignment", "to anyone", "Info", "Terrible", "Legal"])
      await shows(text);
    await page.locator(".flag.info", { hasText: "Signed twice" }).waitFor();
    await page.getByRole("heading", { name: "1 high" }).waitFor();
  });

  test("a result that is not understood is shown whole, as sections and tables, and never as nothing found", async () => {
    await open({
      parties: [
        { name: "Acme <b>Ltd</b>", role: "Supplier", confidence: 0.93, score: 12 },
        { name: "Globex", role: "Buyer", confidence: 0.4, vat: "DE1" },
      ],
      term: { months: 24, renewal: { automatic: true, notice: null } },
      "a key that is a sentence": "x".repeat(4000),
      big: "1234567890123456789",
    });
    await shows("does not know the form of this result");
    assert.equal(await page.getByText(/findings/i).count(), 0);
    for (const heading of ["Name", "Role", "Confidence", "Score", "Vat"])
      await page.getByRole("columnheader", { name: heading }).waitFor();
    await page.getByRole("cell", { name: "Acme <b>Ltd</b>" }).waitFor();
    assert.equal(await page.locator(".json-table meter").count(), 2, "the score is no confidence");
    for (const text of ["Automatic", "true", "(none)", "24", "a key that is a sentence", "1234567890123456789"])
      await shows(text);
    await page.getByRole("button", { name: "Show all 4,000 characters" }).click();
    await shows("x".repeat(4000));
  });

  test("a large result is folded and opened as a whole", async () => {
    await open({
      one: { two: { three: { four: { five: "at the bottom" } } } },
      other: { list: [{ a: { b: "inside" } }, 7] },
    });
    assert.equal(await page.getByText("at the bottom").count(), 0, "deep parts are folded at first");
    await page.getByRole("button", { name: "Unfold all" }).click();
    await shows("at the bottom");
    await shows("inside");
    await page.getByRole("button", { name: "Fold all", exact: true }).click();
    await page.getByText("inside").waitFor({ state: "detached" });
    assert.equal(await page.getByText("at the bottom").count(), 0);
    await page.locator("summary").first().click();
    await page.getByRole("button", { name: "Unfold all" }).click();
    await shows("at the bottom");
  });

  test("extra facts, fields and other lists are beside what is understood", async () => {
    await open({
      flags: [],
      clauses: [{ type: "term", text: "two years", negotiable: "no" }],
      facts: { governing_law: "Switzerland", court: { city: "Zurich" } },
      tables: [{ a: 1 }],
      usage: { tokens: 812 },
    });
    await page.getByRole("heading", { name: "No findings" }).waitFor();
    for (const text of ["The rest of its result is below", "Negotiable", "Switzerland", "Zurich", "Tokens", "812"])
      await shows(text);
  });

  test("a table of 100,000 rows shows its first rows, and says how many there are", async () => {
    await open({ rows: Array.from({ length: 100_000 }, (_, row) => ({ row, text: `t${row}` })) });
    await shows("50 of 100,000 rows shown");
    assert.equal(await page.locator(".json-table tbody tr").count(), 50);
    await page.getByRole("button", { name: "Show 50 more" }).click();
    await shows("t99");
    assert.equal(await page.locator(".json-table tbody tr").count(), 100);
  });

  test("a result that says it is JSON and is not is shown as it came", async () => {
    await open(`{"flags": [NaN], "summary": "<script>alert(1)</script>"}`);
    await shows("The model says that this result is JSON, but it is not");
    await shows(`"summary": "<script>alert(1)</script>"`);
    await page.getByRole("button", { name: "Download result" }).waitFor();
  });

  test("of 50 MB of JSON the beginning is loaded and shown", async () => {
    await open(`{"text":"${"lorem ipsum ".repeat(4_400_000)}"}`);
    await shows("The result is too large to be shown in full");
    await shows("The first 98 KB of 50 MB are shown");
    assert.ok(
      fixture.requests.some((one) => one.includes("bytes=0-99999")),
      "only the beginning is loaded",
    );
  });

  test("bytes that are no text are offered as a download", async () => {
    await open("PK\u0003\u0004\u0000\u0000");
    await shows("This result cannot be shown here");
  });

  test("the pipeline says where findings are", async () => {
    fixture.resultPaths = { findings: "/out/hits", finding_text: "/says/en", finding_page_index: "/at" };
    await open({ out: { hits: [{ says: { en: "uncapped", de: "unbegrenzt" }, at: 1 }] } });
    await page.getByRole("heading", { name: "1 finding" }).waitFor();
    for (const text of ["Uncapped", "page 2", "unbegrenzt"]) await shows(text);
  });
});
