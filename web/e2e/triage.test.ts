/** Triage: what was found is in the list, contracts are marked, and what is new is so on every device. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JobView } from "../src/api/types";
import { newContext, signIn, until } from "./browser";
import { newJob } from "./fixture/jobs";
import { readerId } from "./fixture/marks";
import { sample } from "./fixture/sample";
import { browser, fixture, page, REVIEWER, row, SKIP_REASON, SUPPORT, setUp } from "./harness";

const ready = { status: "Ready", version: 3 } as const;

describe("triage", { skip: SKIP_REASON }, () => {
  setUp();

  test("a result is new until the reader opens it, also after a reload and on a second device", async () => {
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    fixture.set(newJob({ ...ready, name: "Old.pdf", created_at: Date.now() - 40 * 86_400_000 }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf").getByText("New").waitFor();
    assert.equal(await row("Old.pdf").getByText("New").count(), 0);
    await page.reload();
    await row("Lease.pdf").getByText("New").waitFor();
    const second = await newContext(browser);
    const other = await second.newPage();
    await signIn(other, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf", other).getByText("New").waitFor();
    await row("Lease.pdf").locator("a").click();
    await page.getByRole("heading", { name: "4 findings" }).waitFor();
    await until("the other device knows", async () => (await row("Lease.pdf", other).getByText("New").count()) === 0);
    assert.deepEqual(fixture.jobs.get(job.id)?.marks?.opened?.by, [readerId(REVIEWER)]);
    await second.close();
  });

  test("the list counts findings by itself, sorts and filters by them", async () => {
    fixture.set(newJob({ ...ready, name: "Counted.pdf", created_at: Date.now() - 1000 }));
    const counts = { attempt: 1, serious: 7, other: 0 };
    fixture.set(
      newJob({
        ...ready,
        name: "Serious.pdf",
        created_at: Date.now() - 90_000,
        marks: { revision: 1, findings: counts },
      }),
    );
    fixture.set(newJob({ ...ready, name: "Clean.pdf", marks: { revision: 1, findings: { ...counts, serious: 0 } } }));
    await signIn(page, fixture.pageUrl, REVIEWER);
    await row("Counted.pdf").getByText("2 serious, 2 more").waitFor();
    await row("Clean.pdf").getByText("No findings").waitFor();
    const names = (): Promise<string[]> => page.locator(".row .name").allTextContents();
    await page.getByLabel("Order").selectOption({ label: "Most serious first" });
    await until(
      "sorted",
      async () => (await names()).join() === "Serious.pdf,Counted.pdf,Clean.pdf" || (await names()).join(),
    );
    await page.getByLabel("Findings").selectOption({ label: "Serious or unclear findings" });
    await until("filtered", async () => (await names()).join() === "Serious.pdf,Counted.pdf" || (await names()).join());
    await page.reload();
    await until(
      "kept in the address",
      async () => (await names()).join() === "Serious.pdf,Counted.pdf" || (await names()).join(),
    );
  });

  test("a data room of two hundred is counted while its list is open, and said to be until then", async () => {
    for (let index = 0; index < 200; index++)
      fixture.set(
        newJob({ ...ready, name: `Room ${index}.pdf`, batch: "room", created_at: Date.now() - index * 1000 }),
      );
    // One of a level that the page does not know.
    const second = { ...ready, attempt: 2, batch: "room", created_at: Date.now() - 500_000 };
    const unclear = fixture.set(newJob({ ...second, name: "Bail.pdf" }));
    fixture.reviews.set(2, JSON.stringify({ findings: [{ severity: "élevé", text: "sans plafond" }] }));
    await signIn(page, `${fixture.pageUrl}/?batch=room&sort=found`, REVIEWER);
    await page.getByText(/The findings of \d+ contracts? are not counted yet/).waitFor();
    const counted = (): number => [...fixture.jobs.values()].filter((job) => job.marks?.findings).length;
    await until("all are counted", async () => counted() === 201 || counted());
    await page.getByText("not counted yet").waitFor({ state: "detached" });
    assert.equal(fixture.jobs.get(unclear.id)?.marks?.unclear_findings, 1);
    await page.getByLabel("Findings").selectOption({ label: "Serious or unclear findings" });
    await row("Bail.pdf").scrollIntoViewIfNeeded();
    await row("Bail.pdf").getByText("1 of unclear level").waitFor();
  });

  test("a contract is reviewed, assigned and noted, and other pages see it at once", async () => {
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    const second = await newContext(browser);
    const other = await second.newPage();
    await signIn(other, fixture.pageUrl, REVIEWER);
    await row("Lease.pdf", other).waitFor();
    await page.getByRole("button", { name: "Assign to me" }).click();
    await row("Lease.pdf", other).getByText("Yours").waitFor();
    await page.getByLabel("Note").fill("ask about § 7");
    await page.getByLabel("Note").press("Enter");
    await row("Lease.pdf", other).getByText("ask about § 7").waitFor();
    await page.getByRole("button", { name: "Mark as reviewed" }).click();
    await page.getByText(`by ${REVIEWER}`).waitFor();
    await row("Lease.pdf", other).getByText("Reviewed").waitFor();
    await other.getByLabel("Reviewed").selectOption("no");
    await until("it is gone from what is to review", async () => (await row("Lease.pdf", other).count()) === 0);
    await second.close();
  });

  test("support marks with a reason, and a customer cannot judge", async () => {
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, SUPPORT);
    await page.getByRole("button", { name: "Mark as reviewed" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill("Rita called");
    await dialog.getByRole("button", { name: "Change" }).click();
    await page.getByText(`by ${SUPPORT}`).waitFor();
    assert.equal(fixture.audit[0]?.reason, "Rita called");
    const second = await newContext(browser);
    const customer = await second.newPage();
    await signIn(customer, `${fixture.pageUrl}/jobs/${job.id}`, "customer@acme.example");
    await customer.getByText(`by ${SUPPORT}`).waitFor();
    assert.equal(await customer.getByRole("button", { name: /reviewed/i }).count(), 0);
    await second.close();
  });

  test("the keys j and k go from contract to contract, in the order of the list", async () => {
    for (const [index, name] of ["b.pdf", "c.pdf", "a.pdf"].entries())
      fixture.set(newJob({ ...ready, name, created_at: Date.now() - index * 1000 }));
    await signIn(page, `${fixture.pageUrl}/?sort=name`, REVIEWER);
    await row("a.pdf").locator("a").click();
    const heading = (name: string): Promise<void> => page.getByRole("heading", { level: 1, name }).waitFor();
    await heading("a.pdf");
    const beside = page.getByRole("navigation", { name: "Contracts of the list" });
    await beside.getByText("1 of 3").waitFor();
    assert.equal(await beside.getByRole("link").count(), 1, "there is none before the first");
    await page.keyboard.press("j");
    await heading("b.pdf");
    await page.keyboard.press("j");
    await heading("c.pdf");
    await page.keyboard.press("k");
    await heading("b.pdf");
    await beside.getByRole("link", { name: "Next contract" }).click();
    await heading("c.pdf");
    await page.getByRole("link", { name: "Contracts", exact: true }).click();
    await until("the focus is on its row", () =>
      page.evaluate(() => document.activeElement?.textContent?.includes("c.pdf") === true),
    );
    await page.goto(`${fixture.pageUrl}/jobs/${[...fixture.jobs.keys()][0]}`);
    await heading("b.pdf");
    assert.equal(await beside.count(), 0, "without a list there is nothing beside it");
  });

  test("the list and a marked contract fit a phone", async () => {
    const ids = sample(fixture);
    await page.setViewportSize({ width: 375, height: 800 });
    await signIn(page, fixture.pageUrl, REVIEWER);
    await page.getByLabel("Order").waitFor();
    const overflow = (): Promise<number> =>
      page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(await overflow(), 0);
    await page.locator(`.row a[data-id="${ids.ready}"]`).click();
    await page.getByRole("link", { name: "Next contract" }).waitFor();
    await page.getByLabel("Note").waitFor();
    assert.equal(await overflow(), 0);
  });

  test("what is being typed into a note stays when another reader changes it, and after it was saved once", async () => {
    const job = fixture.set(newJob({ ...ready, name: "Lease.pdf" }));
    await signIn(page, `${fixture.pageUrl}/jobs/${job.id}`, REVIEWER);
    await page.getByText("Live", { exact: true }).waitFor();
    const note = page.getByLabel("Note");
    await note.fill("ask about § 7");
    const now = (): JobView => fixture.jobs.get(job.id) ?? job;
    const by = (text: string): void => {
      const marks = { ...now().marks, revision: (now().marks?.revision ?? 0) + 1, note: text, assigned_to: text };
      fixture.set({ ...now(), marks });
    };
    by("Rita");
    await until("the other change arrived", async () => (await page.getByLabel("Assigned to").inputValue()) === "Rita");
    assert.equal(await note.inputValue(), "ask about § 7");
    await note.press("Enter");
    await until("it is saved", () => now().marks?.note === "ask about § 7");
    by("Olga");
    await until("it shows what is stored", async () => (await note.inputValue()) === "Olga");
  });
});
