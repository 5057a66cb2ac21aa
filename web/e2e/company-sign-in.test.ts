/** Sign-in by a company's identity provider, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { AXE, seriousViolations } from "./axe";
import { newContext, until } from "./browser";
import { browser, context, fixture, OTHER, page, REVIEWER, SKIP_REASON, setUp } from "./harness";

const button = (name: string, at = page) => at.getByRole("button", { name, exact: true });

async function atProvider(name = "Acme", at = page): Promise<void> {
  await button(`Sign in with ${name}`, at).click();
  await at.getByRole("heading", { name: "Acme" }).waitFor();
}

async function signInByCompany(email = REVIEWER, at = page): Promise<void> {
  await atProvider("Acme", at);
  await at.getByRole("link", { name: email }).click();
  await at.locator("header.top").waitFor();
}

async function open(path = "/", at = page): Promise<void> {
  await at.goto(fixture.pageUrl + path);
}

/** The address with which the provider sends the reader back; the page does not get it. */
async function catchCallback(at: Page): Promise<string> {
  const link = await at.getByRole("link", { name: REVIEWER }).getAttribute("href");
  const answer = await at.request.get(`${fixture.domain.url}${link}`, { maxRedirects: 0 });
  assert.equal(answer.status(), 302);
  return answer.headers().location ?? "";
}

describe("sign-in by a company", { skip: SKIP_REASON }, () => {
  setUp();

  test("without a provider the page asks for a password alone", async () => {
    await open();
    await page.getByLabel("Password").waitFor();
    assert.equal(await page.locator(".providers").count(), 0);
  });

  test("the reader returns to where they were, signed in, and the code is in no address", async () => {
    fixture.domain.offer("Acme", "Globex");
    await open("/?status=ready&q=nda");
    await signInByCompany();
    assert.equal(page.url(), `${fixture.pageUrl}/?status=ready&q=nda`);
    await page.getByLabel(`Signed in as ${REVIEWER}`).waitFor();
    await page.goBack();
    assert.doesNotMatch(page.url(), /code=/);
    await page.goForward();
    await page.reload();
    await page.locator("header.top").waitFor();
  });

  test("a password works as before, beside the providers", async () => {
    fixture.domain.offer("Acme");
    await open();
    await page.getByLabel("E-mail").fill(REVIEWER);
    await page.getByLabel("Password").fill("wrong");
    await button("Sign in").click();
    await page.getByText("Incorrect e-mail address or password.").waitFor();
    await page.getByLabel("Password").fill("correct horse battery");
    await button("Sign in").click();
    await page.locator("header.top").waitFor();
  });

  test("a cancelled sign-in is said in the provider's words, as text, and can be tried again", async () => {
    fixture.domain.offer("Acme");
    await open("/jobs/1");
    await atProvider();
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.getByText("The sign-in was refused: <b>No account</b> was chosen").waitFor();
    assert.equal(page.url(), `${fixture.pageUrl}/jobs/1`);
    await signInByCompany();
  });

  test("a sign-in that was not started in this tab is refused, whatever it brings", async () => {
    fixture.domain.offer("Acme");
    await open();
    await atProvider();
    const callback = await catchCallback(page);
    const other = await context.newPage();
    await other.goto(callback);
    await other.getByText("This sign-in was not started here").waitFor();
    // It would share the sign-in that follows.
    await other.close();
    // Another reader has a sign-in of their own under way.
    const elsewhere = await newContext(browser);
    const victim = await elsewhere.newPage();
    await open("/", victim);
    await atProvider("Acme", victim);
    await victim.goto(callback);
    await victim.getByText("This sign-in was not started here").waitFor();
    for (const address of ["?code=1", "?error=access_denied&error_description=Call+us", "?state=", ""]) {
      await open(`/sign-in${address}`, victim);
      await button("Sign in with Acme", victim).waitFor();
      assert.equal(await victim.getByText("Call us").count(), 0);
    }
    await elsewhere.close();
    assert.ok(!fixture.domain.requests.includes("POST /oauth2/token"));
    // The one that began it can complete it, once.
    await page.goto(callback);
    await page.locator("header.top").waitFor();
    await page.evaluate(() => sessionStorage.removeItem("docket.session"));
    await page.goto(callback);
    await page.getByText("This sign-in was not started here").waitFor();
  });

  test("a code that another program has redeemed is refused", async () => {
    fixture.domain.offer("Acme");
    await open();
    await atProvider();
    const callback = new URL(await catchCallback(page));
    const form = new URLSearchParams({
      grant_type: "authorization_code",
      client_id: "company-client",
      code: callback.searchParams.get("code") ?? "",
      redirect_uri: `${fixture.pageUrl}/sign-in`,
      code_verifier: "a guess",
    });
    const stolen = await fetch(`${fixture.domain.url}/oauth2/token`, { method: "POST", body: form });
    assert.equal(stolen.status, 400);
    await page.goto(callback.href);
    await page.getByText("its code works only once").waitFor();
    await signInAgain();
  });

  test("an ID token that is not of this sign-in is refused", async () => {
    fixture.domain.offer("Acme");
    const other = "is not of this sign-in";
    for (const [claims, said] of [
      [{ nonce: "another" }, other],
      [{ nonce: undefined }, other],
      [{ iss: "https://issuer.example/pool-2" }, other],
      [{ aud: "another-client" }, other],
      [{ exp: 1000 }, "The clock of this device is wrong"],
    ] as const) {
      fixture.domain.claims = claims;
      await open();
      await button("Sign in with Acme").click();
      const link = page.getByRole("link", { name: REVIEWER });
      await page.getByText(said).or(link).first().waitFor();
      if (await link.count()) await link.click();
      await page.getByText(said).waitFor();
      assert.equal(await page.evaluate(() => sessionStorage.getItem("docket.session")), null);
    }
    fixture.domain.claims = {};
    await signInAgain();
  });

  test("an outage of the token endpoint is said, and the sign-in can be tried again", async () => {
    fixture.domain.offer("Acme");
    fixture.domain.failsWith = 503;
    await open();
    await atProvider();
    await page.getByRole("link", { name: REVIEWER }).click();
    await page.getByText("The sign-in service cannot be reached").waitFor();
    fixture.domain.failsWith = undefined;
    await signInAgain();
  });

  test("tokens are refreshed at the token endpoint, and a new tab shares the sign-in", async () => {
    fixture.domain.offer("Acme");
    fixture.tokenSeconds = 61;
    await open();
    await signInByCompany();
    await until("the token is refreshed", async () => {
      await page.reload();
      await page.locator("header.top").waitFor();
      return fixture.domain.requests.filter((one) => one === "POST /oauth2/token").length > 1;
    });
    fixture.tokenSeconds = 3600;
    await page.reload();
    await page.locator("header.top").waitFor();
    const second = await context.newPage();
    await open("/", second);
    await second.getByLabel(`Signed in as ${REVIEWER}`).waitFor();
    assert.ok(!fixture.requests.some((one) => one.startsWith("POST /cognito")), "no call with the other client");
  });

  test("an expired sign-in is renewed in a tab of its own, and this one goes on", async () => {
    fixture.domain.offer("Acme");
    await open();
    await signInByCompany();
    await page.evaluate(() => Object.assign(window, { neverReloaded: true }));
    fixture.domain.refusesRefresh = true;
    fixture.revokedTokens.add(
      await page.evaluate(() => (JSON.parse(sessionStorage.getItem("docket.session") ?? "{}") as { id: string }).id),
    );
    // Not as a pointer: the page may have asked for the sign-in already, by a request of its own.
    await page.locator(".filters a, nav a").filter({ hasText: "Ready" }).first().dispatchEvent("click");
    await page.getByRole("dialog", { name: "Please sign in again" }).waitFor();
    assert.equal(await page.getByLabel("Password").count(), 0);
    fixture.domain.refusesRefresh = false;
    const [opened] = await Promise.all([context.waitForEvent("page"), button("Sign in with Acme").click()]);
    // The provider still knows the reader, so it asks for nothing.
    await opened.locator("header.top").waitFor();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.equal(await page.evaluate(() => "neverReloaded" in window), true);
  });

  test("sign-out revokes the refresh token, ends the session with the company, and signs all tabs out", async () => {
    fixture.domain.offer("Acme");
    await open();
    await signInByCompany();
    const second = await context.newPage();
    await open("/", second);
    await second.locator("header.top").waitFor();
    assert.equal(fixture.domain.refreshTokens.size, 1);
    await page.locator("details.person summary").click();
    await button("Sign out").click();
    await button("Sign in with Acme", second).waitFor();
    await until("the session with the company has ended", () => fixture.domain.requests.includes("GET /logout"));
    await page.waitForURL(`${fixture.pageUrl}/`);
    await until("the token is revoked", () => fixture.domain.refreshTokens.size === 0);
    // Another reader can sign in: the provider asks who it is.
    await signInByCompany(OTHER);
    await page.getByLabel(`Signed in as ${OTHER}`).waitFor();
  });

  test("a link of the company's portal begins the sign-in", async () => {
    fixture.domain.offer("Acme");
    await open("/sign-in?provider=AcmeOidc");
    await page.getByRole("link", { name: REVIEWER }).click();
    await page.locator("header.top").waitFor();
    assert.equal(page.url(), `${fixture.pageUrl}/`);
    const asked = fixture.domain.requests.length;
    await open("/sign-in?provider=AcmeOidc");
    await page.locator("header.top").waitFor();
    assert.equal(fixture.domain.requests.length, asked, "who is signed in is not asked again");
  });

  test("the account has no password to change, and who signs in with one has", async () => {
    fixture.domain.offer("Acme");
    await open();
    await signInByCompany();
    await page.locator("details.person summary").click();
    await button("Account and e-mail").click();
    await page.getByText("Your company signs you in").waitFor();
    assert.equal(await page.getByLabel("Current password").count(), 0);
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await button("Sign out").click();
    await page.waitForURL(`${fixture.pageUrl}/`);
    await page.getByLabel("E-mail").fill(REVIEWER);
    await page.getByLabel("Password").fill("correct horse battery");
    await button("Sign in").click();
    await page.locator("details.person summary").click();
    await button("Account and e-mail").click();
    await page.getByLabel("Current password").waitFor();
  });

  test("the page for the command line shows the code once, and not what else is in the address", async () => {
    await open("/sign-in/code?code=c-1&state=s-1");
    assert.equal(await page.locator(".key").textContent(), "c-1#s-1");
    assert.equal(page.url(), `${fixture.pageUrl}/sign-in/code`);
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await button("Copy the code").click();
    await page.getByText("Copied.").waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "c-1#s-1");
    await page.reload();
    await page.getByRole("heading", { name: "There is no code" }).waitFor();
    await open("/sign-in/code?error=access_denied&error_description=%3Ci%3Eno%3C/i%3E&state=s");
    await page.getByText("The sign-in was refused: <i>no</i>").waitFor();
  });

  test("the screens have no serious axe violation and fit into 375 px, in light and dark", async () => {
    fixture.domain.offer("Acme", "Globex Corporation International Holdings");
    for (const colorScheme of ["light", "dark"] as const) {
      const narrow = await newContext(browser, { bypassCSP: true, colorScheme, viewport: { width: 375, height: 760 } });
      const at = await narrow.newPage();
      const check = async (screen: string): Promise<void> => {
        await at.evaluate(AXE);
        assert.deepEqual(await at.evaluate(seriousViolations), [], screen);
        const overflow = await at.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${screen} is ${overflow} px too wide`);
        if (process.env.PAGE_PICTURES)
          await at.screenshot({ path: `${process.env.PAGE_PICTURES}/company-${screen}-${colorScheme}.png` });
      };
      await open("/", at);
      await button("Sign in with Acme", at).waitFor();
      await check("sign-in");
      await atProvider("Acme", at);
      await at.getByRole("link", { name: "Cancel" }).click();
      await at.getByText("The sign-in was refused").waitFor();
      await check("refused");
      await open(
        "/sign-in/code?code=0d3c1f7e-1111-4222-8333-444455556666&state=Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6",
        at,
      );
      await button("Copy the code", at).waitFor();
      await check("code");
      await open("/sign-in/code", at);
      await at.getByRole("heading", { name: "There is no code" }).waitFor();
      await check("no-code");
      await narrow.close();
    }
    const wide = await newContext(browser, { viewport: { width: 1200, height: 800 } });
    const at = await wide.newPage();
    await open("/", at);
    await button("Sign in with Acme", at).waitFor();
    if (process.env.PAGE_PICTURES) await at.screenshot({ path: `${process.env.PAGE_PICTURES}/company-wide.png` });
    await wide.close();
  });
});

/** The reader goes on after a failure; the provider may still know them. */
async function signInAgain(): Promise<void> {
  await button("Sign in with Acme").click();
  const link = page.getByRole("link", { name: REVIEWER });
  await page.locator("header.top").or(link).first().waitFor();
  if (await link.count()) await link.click();
  await page.locator("header.top").waitFor();
}
