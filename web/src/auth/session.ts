/**
 * The sign-in, and a valid token for each request.
 *
 * Tokens are in sessionStorage: a reload keeps the sign-in, closing the tab ends it, and there is no cookie that a foreign
 * link could send. A new tab asks the open ones over a BroadcastChannel, which like the storage is limited to this origin.
 * docs/adr/0013-web-page.md explains the choice.
 */

import type { ClientConfiguration, CompanySignIn } from "../api/types";
import { clockOffsetMs, now, setServiceTime } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import {
  type Challenge,
  type CognitoAnswer,
  forgotPassword,
  resetPassword,
  revoke,
  SignInError,
  SignInUnavailable,
  withAnswer,
  withPassword,
  withRefreshToken,
} from "./cognito";
import { readClaims, type Tokens } from "./tokens";

const KEY = "docket.session";
/** A token that expires sooner is renewed before use: a request may take a while to arrive. */
const RENEWAL_MARGIN_MS = 60_000;
/** How long a new tab waits for another tab to share its sign-in. */
const TAB_ANSWER_TIMEOUT_MS = 200;

export type SessionStatus = "out" | "in" | "expired";

type TabMessage = { kind: "ask" } | { kind: "tokens"; tokens: Tokens } | { kind: "out" };

export class Session extends Emitter {
  status: SessionStatus = "out";
  /** Why the sign-in by the company did not work. */
  problem: string | undefined;
  private tokens: Tokens | undefined;
  private renewing: Promise<void> | undefined;
  private waitingForSignIn: (() => void)[] = [];
  private readonly channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(KEY) : undefined;

  constructor(readonly configuration: ClientConfiguration) {
    super();
    const saved = sessionStorage.getItem(KEY);
    if (saved) {
      try {
        this.tokens = JSON.parse(saved) as Tokens;
        setServiceTime(Date.now() + this.tokens.clockOffsetMs);
        this.status = "in";
      } catch {
        sessionStorage.removeItem(KEY);
      }
    }
    this.channel?.addEventListener("message", (event: MessageEvent<TabMessage>) => this.receive(event.data));
  }

  get email(): string {
    return this.tokens?.email ?? "";
  }

  /** Whether the company's identity provider signed the user in, so that there is no password here. */
  get byCompany(): boolean {
    return this.tokens?.byCompany ?? false;
  }

  /** When the current token expires. */
  get expiresAt(): number {
    return this.tokens?.expiresAt ?? 0;
  }

  /** Asks the other tabs for their sign-in if this tab has none. */
  async requestFromOtherTabs(): Promise<void> {
    if (this.tokens || !this.channel) return;
    this.channel.postMessage({ kind: "ask" } satisfies TabMessage);
    await new Promise<void>((resolve) => {
      const stop = this.subscribe(() => {
        stop();
        resolve();
      });
      setTimeout(() => {
        stop();
        resolve();
      }, TAB_ANSWER_TIMEOUT_MS);
    });
  }

  /** Leaves the page for the company's provider. */
  async signInByCompany(provider: string): Promise<void> {
    const { company, at } = await this.company();
    await company.begin(at, provider, location.pathname + location.search);
  }

  /** The provider has sent the reader back. */
  arrived(answer: CognitoAnswer | undefined, problem: string | undefined): void {
    this.problem = problem;
    if (answer) this.acceptAnswer(answer, true);
  }

  /** Signs in. Returns the challenge if Cognito asks for more: a new password, or the code of an authenticator app. */
  async signIn(email: string, password: string): Promise<Challenge | undefined> {
    return this.acceptAnswer(await withPassword(this.configuration, email, password));
  }

  /** Returns the next challenge, if there is one. */
  async answer(email: string, challenge: Challenge, answer: string): Promise<Challenge | undefined> {
    return this.acceptAnswer(await withAnswer(this.configuration, email, challenge, answer));
  }

  /** Has Cognito send a code to this address, with which {@link resetPassword} sets a new password. */
  sendResetCode(email: string): Promise<void> {
    return forgotPassword(this.configuration, email);
  }

  /** Sets a new password and signs in with it. Returns the challenge if Cognito asks for more. */
  async resetPassword(email: string, code: string, password: string): Promise<Challenge | undefined> {
    await resetPassword(this.configuration, email, code, password);
    return this.signIn(email, password);
  }

  /** A token for Cognito's calls about the user. It is not kept: only the screen of the account needs it. */
  async accessToken(): Promise<string> {
    await this.token();
    const answer = await withRefreshToken(this.configuration, this.tokens?.refresh ?? "");
    this.acceptAnswer(answer);
    return answer.AuthenticationResult?.AccessToken ?? "";
  }

  /** Signs out at once. The refresh token is revoked in the background; if that fails, it stays valid until it expires. */
  signOut(): void {
    const { tokens } = this;
    this.clearTokens();
    this.channel?.postMessage({ kind: "out" } satisfies TabMessage);
    this.revoke(tokens, true);
  }

  /**
   * A valid token. It is renewed if it is about to expire. If Cognito refuses that, the call waits until the user has
   * signed in again.
   */
  async token(): Promise<string> {
    for (;;) {
      const tokens = this.tokens;
      if (this.status === "in" && tokens && tokens.expiresAt - RENEWAL_MARGIN_MS > now()) return tokens.id;
      if (this.status === "in" && tokens) await this.renew();
      else await new Promise<void>((resolve) => this.waitingForSignIn.push(resolve));
    }
  }

  /** Renews the token if it expires in less than `minLifeMs`: a WebSocket ticket expires with its token. */
  async ensureTokenLife(minLifeMs: number): Promise<void> {
    await this.token();
    if (this.expiresAt - minLifeMs < now()) await this.renew();
  }

  /** Renews a token that the service rejected although it looked valid. */
  async tokenRejected(token: string): Promise<void> {
    if (this.tokens?.id === token && this.status === "in") await this.renew();
  }

  /** Revokes the refresh token. A sign-out by the reader also leaves the page, to end the session with the company. */
  private revoke(tokens: Pick<Tokens, "refresh" | "byCompany"> | undefined, isSignOut = false): void {
    if (!tokens?.refresh) return;
    const { refresh, byCompany } = tokens;
    const revoked = byCompany
      ? this.company().then(({ company, at }) => (isSignOut ? company.end(at, refresh) : company.revoke(at, refresh)))
      : revoke(this.configuration, refresh);
    void revoked.catch((error: unknown) => console.warn(error));
  }

  /** The chunk for sign-ins by the company. */
  private async company(): Promise<{ company: typeof import("./company"); at: CompanySignIn }> {
    const at = this.configuration.company_sign_in;
    if (!at) throw new SignInError("", "This service has no sign-in by a company.");
    const company = await import("./company").catch(() => {
      throw new SignInUnavailable("a part of the page could not be loaded");
    });
    return { company, at };
  }

  private async refresh({ refresh, byCompany }: Tokens): Promise<CognitoAnswer> {
    if (!byCompany) return withRefreshToken(this.configuration, refresh);
    const { company, at } = await this.company();
    return company.refresh(at, refresh);
  }

  private renew(): Promise<void> {
    this.renewing ??= this.renewOnce().finally(() => {
      this.renewing = undefined;
    });
    return this.renewing;
  }

  private async renewOnce(): Promise<void> {
    const tokens = this.tokens;
    if (!tokens) return;
    try {
      const answer = await this.refresh(tokens);
      if (this.tokens) this.acceptAnswer(answer, tokens.byCompany);
      // Signed out meanwhile. The answer has a refresh token only if the user pool rotates them.
      else this.revoke({ ...tokens, refresh: answer.AuthenticationResult?.RefreshToken ?? "" });
    } catch (error) {
      // Without an answer the caller retries. After a refusal the user has to sign in again.
      if (!(error instanceof SignInError)) throw error;
      if (this.tokens === tokens) this.setStatus("expired");
    }
  }

  private acceptAnswer(answer: CognitoAnswer, byCompany = false): Challenge | undefined {
    const id = answer.AuthenticationResult?.IdToken;
    if (id === undefined) {
      const { ChallengeName: name, Session: session } = answer;
      if ((name === "NEW_PASSWORD_REQUIRED" || name === "SOFTWARE_TOKEN_MFA") && session) return { name, session };
      throw new SignInError("", `This page does not support the challenge ${answer.ChallengeName ?? "none"}.`);
    }
    const { subject, email, expiresAt, issuedAt } = readClaims(id);
    if (issuedAt) setServiceTime(issuedAt);
    // A renewal returns a refresh token only if the user pool rotates them.
    const refresh = answer.AuthenticationResult?.RefreshToken ?? this.tokens?.refresh ?? "";
    const isOtherUser = this.tokens !== undefined && this.tokens.subject !== subject;
    const tokens: Tokens = { id, refresh, expiresAt, subject, email, clockOffsetMs: clockOffsetMs(), byCompany };
    this.storeTokens(tokens);
    this.channel?.postMessage({ kind: "tokens", tokens } satisfies TabMessage);
    // The page still shows the data of the previous user.
    if (isOtherUser) location.assign("/");
    return undefined;
  }

  private storeTokens(tokens: Tokens): void {
    this.tokens = tokens;
    setServiceTime(Date.now() + tokens.clockOffsetMs);
    sessionStorage.setItem(KEY, JSON.stringify(tokens));
    this.setStatus("in");
  }

  private clearTokens(): void {
    this.tokens = undefined;
    sessionStorage.removeItem(KEY);
    this.setStatus("out");
  }

  private setStatus(status: SessionStatus): void {
    this.status = status;
    if (status === "in") for (const resume of this.waitingForSignIn.splice(0)) resume();
    this.emit();
  }

  private receive(message: TabMessage): void {
    if (message.kind === "ask" && this.status === "in" && this.tokens) {
      this.channel?.postMessage({ kind: "tokens", tokens: this.tokens } satisfies TabMessage);
    } else if (message.kind === "tokens") {
      const mine = this.tokens;
      // Ignore the sign-in of another user; a newer token of the same user is valid here too.
      if (!mine || (mine.subject === message.tokens.subject && mine.expiresAt < message.tokens.expiresAt))
        this.storeTokens(message.tokens);
    } else if (message.kind === "out" && this.tokens) {
      this.clearTokens();
    }
  }
}
