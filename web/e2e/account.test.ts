/** A forgotten password, the authenticator app and the change of a password, over the fixture. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AXE, seriousViolations } from "./axe";
import { newContext, signIn } from "./browser";
import { PASSWORD } from "./fixture/state";
import { browser, fixture, page, REVIEWER, SKIP_REASON, setUp } from "./harness";
import { readQrCode } from "./qr";
import { totp } from "./totp";

const NEW = "quite another pass phrase";
const submit = (name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();

async function openAccount(at = page): Promise<void> {
  await at.locator("details.person summary").click();
  await at.getByRole("button", { name: "Account and e-mail" }).click();
  await at.getByRole("dialog").waitFor();
}

describe("the account", { skip: SKIP_REASON }, () => {
  setUp();

  test("a forgotten password is replaced with the code from an e-mail", async () => {
    await page.goto(fixture.pageUrl);
    await page.getByLabel("E-mail").fill(REVIEWER);
    await submit("Forgot your password?");
    assert.equal(await page.getByLabel("E-mail").inputValue(), REVIEWER);
    await submit("Send the code");
    await page.locator("input[name=code]").fill("111111");
    await page.locator("input[name=new-password]").fill(NEW);
    await submit("Save and sign in");
    await page.getByText("This code is not right").waitFor();
    await page.locator("input[name=code]").fill(" 654321 ");
    await submit("Save and sign in");
    await page.locator("header.top").waitFor();
    assert.equal(fixture.users.get(REVIEWER)?.password, NEW);
  });

  test("an address without an account gets the same answers", async () => {
    await page.goto(fixture.pageUrl);
    await submit("Forgot your password?");
    await page.getByLabel("E-mail").fill("nobody@acme.example");
    await submit("Send the code");
    await page.getByText("If nobody@acme.example has an account").waitFor();
    await submit("Back");
    await page.getByLabel("Password").waitFor();
  });

  test("sign-in asks for the code of the app that was set up, and no longer after it is turned off", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await openAccount();
    await submit("Set up an app");
    const key = (await page.locator(".key").textContent()) ?? "";
    const code = page.getByRole("img", { name: "QR code for your authenticator app" });
    await code.waitFor();
    const link = await readQrCode(code);
    assert.equal(
      link,
      `otpauth://totp/Docket:${encodeURIComponent(REVIEWER)}?secret=${key.replaceAll(" ", "")}&issuer=Docket`,
    );
    await page.locator("input[name=code]").fill("000000");
    await submit("Turn the code on");
    await page.getByText("This code is not right").waitFor();
    await page.locator("input[name=code]").fill(totp(key));
    await submit("Turn the code on");
    await page.getByText("On: sign-in asks for a code").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
    await submit("Sign out");
    await page.getByLabel("E-mail").fill(REVIEWER);
    await page.getByLabel("Password").fill(PASSWORD);
    await submit("Sign in");
    await page.locator("input[name=code]").fill("000000");
    await submit("Sign in");
    await page.getByText("This code is not right").waitFor();
    await page.locator("input[name=code]").fill(totp(key));
    await submit("Sign in");
    await page.locator("header.top").waitFor();
    await openAccount();
    await submit("Turn the code off");
    await page.getByText("Off: your password alone").waitFor();
    assert.equal(fixture.users.get(REVIEWER)?.usesAuthenticator, false);
  });

  test("e-mail digests are switched on for what the person chooses, and say why they were stopped", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await openAccount();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("no names of files").waitFor();
    await dialog.getByLabel("Send me e-mail digests").check();
    await dialog.getByLabel("all documents of acme").check();
    await dialog.getByLabel("documents that are ready").uncheck();
    assert.equal(await dialog.getByLabel("documents that failed").isDisabled(), true);
    await submit("Save");
    if (process.env.PAGE_PICTURES) await page.screenshot({ path: `${process.env.PAGE_PICTURES}/account-digests.png` });
    await page.getByText("Saved. You get e-mail digests.").waitFor();
    const { enabled, scope, ready, failed } = fixture.digests.get(REVIEWER) ?? {};
    assert.deepEqual({ enabled, scope, ready, failed }, { enabled: true, scope: "tenant", ready: false, failed: true });
    Object.assign(fixture.digests.get(REVIEWER) ?? {}, {
      enabled: false,
      off_reason: "mail to your address came back",
    });
    await dialog.getByRole("button", { name: "Close" }).click();
    await submit("Account and e-mail");
    await dialog.getByText("Off: mail to your address came back.").waitFor();
    Object.assign(fixture.digests.get(REVIEWER) ?? {}, {
      available: false,
      unavailable_reason: "this deployment sends no e-mail",
    });
    await dialog.getByRole("button", { name: "Close" }).click();
    await submit("Account and e-mail");
    await dialog.getByText("Not available: this deployment sends no e-mail.").waitFor();
    assert.equal(await dialog.getByLabel("Send me e-mail digests").count(), 0);
  });

  test("a user signs out on all devices, and stays signed in if that fails", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await openAccount();
    await page.route("**/me/sessions", (route) => route.abort(), { times: 1 });
    await submit("Sign out everywhere");
    await page.getByRole("alert").waitFor();
    assert.equal(fixture.requests.includes("DELETE /me/sessions"), false);
    await submit("Sign out everywhere");
    await page.getByLabel("E-mail", { exact: true }).waitFor();
    assert.equal(fixture.requests.filter((line) => line === "DELETE /me/sessions").length, 1);
  });

  test("the password is changed with the current one", async () => {
    await signIn(page, fixture.pageUrl, REVIEWER);
    await openAccount();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Current password").fill("not the password");
    await dialog.getByLabel("New password").fill(NEW);
    await submit("Change the password");
    await page.getByText("The current password is not right").waitFor();
    await dialog.getByLabel("Current password").fill(PASSWORD);
    await submit("Change the password");
    await page.getByText("Your password is changed").waitFor();
    assert.equal(fixture.users.get(REVIEWER)?.password, NEW);
  });

  test("the forms of sign-in and the account's dialog have no serious axe violation, also at 375 px", async () => {
    const narrow = await newContext(browser, { bypassCSP: true, viewport: { width: 375, height: 700 } });
    const at = await narrow.newPage();
    const check = async (screen: string): Promise<void> => {
      await at.evaluate(AXE);
      assert.deepEqual(await at.evaluate(seriousViolations), [], screen);
      const overflow = await at.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(overflow <= 0, `${screen} is ${overflow} px too wide`);
      if (process.env.PAGE_PICTURES)
        await at.screenshot({ path: `${process.env.PAGE_PICTURES}/account-${screen}.png` });
    };
    await at.goto(fixture.pageUrl);
    await at.getByRole("button", { name: "Forgot your password?" }).click();
    await at.getByLabel("E-mail").fill(REVIEWER);
    await check("forgot");
    await at.getByRole("button", { name: "Send the code" }).click();
    await at.locator("input[name=code]").waitFor();
    await check("reset");
    await signIn(at, fixture.pageUrl, REVIEWER);
    await openAccount(at);
    await at.getByText("Off: your password alone").waitFor();
    await at.getByLabel("Send me e-mail digests").waitFor();
    await check("dialog");
    await at.getByRole("button", { name: "Set up an app" }).click();
    await at.locator(".key").waitFor();
    await check("app");
    await narrow.close();
  });
});
