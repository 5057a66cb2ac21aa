/**
 * Who is signed in, and a token that is good whenever one is asked for.
 *
 * Tokens are kept in sessionStorage: a reload keeps the sign-in, closing the tab ends it, and no cookie is sent by
 * anybody's link. A new tab of the same browser asks the open ones over a BroadcastChannel, which like the storage only
 * this origin can hear. docs/adr/0013-web-page.md argues it.
 */

import type { Configuration } from "../api/types";
import { clockOffsetMs, now, setServiceTime } from "../lib/clock";
import { Emitter } from "../lib/emitter";
import { type CognitoAnswer, SignInError, withNewPassword, withPassword, withRefreshToken } from "./cognito";
import { readClaims, type Tokens } from "./tokens";

const KEY = "docket.session";
/** A token with less left than this is renewed first: a request may take a while to arrive. In milliseconds. */
const RENEWAL_MARGIN_MS = 60_000;
/** How long a new tab waits for an older one to share its sign-in. In milliseconds. */
const TAB_ANSWER_TIMEOUT_MS = 200;

export type SessionStatus = "out" | "in" | "expired";

type Message = { kind: "ask" } | { kind: "tokens"; tokens: Tokens } | { kind: "out" };

export class Session extends Emitter {
  status: SessionStatus = "out";
  private tokens: Tokens | undefined;
  private renewing: Promise<void> | undefined;
  private waitingForSignIn: (() => void)[] = [];
  private readonly channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(KEY) : undefined;

  constructor(private readonly configuration: Configuration) {
    super();
    const kept = sessionStorage.getItem(KEY);
    if (kept) {
      try {
        this.tokens = JSON.parse(kept) as Tokens;
        setServiceTime(Date.now() + this.tokens.clockOffsetMs);
        this.status = "in";
      } catch {
        sessionStorage.removeItem(KEY);
      }
    }
    this.channel?.addEventListener("message", (event: MessageEvent<Message>) => this.receive(event.data));
  }

  get email(): string {
    return this.tokens?.email ?? "";
  }

  /** When the token that requests carry now ends. */
  get expiresAt(): number {
    return this.tokens?.expiresAt ?? 0;
  }

  /** Asks the other tabs for their sign-in, if this one has none. */
  async requestFromOtherTabs(): Promise<void> {
    if (this.tokens || !this.channel) return;
    this.channel.postMessage({ kind: "ask" } satisfies Message);
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

  /** Signs in; answers with the session of a challenge if a new password must be chosen first. */
  async signIn(email: string, password: string): Promise<string | undefined> {
    return this.acceptAnswer(await withPassword(this.configuration, email, password));
  }

  async choosePassword(email: string, challenge: string, password: string): Promise<void> {
    await this.acceptAnswer(await withNewPassword(this.configuration, email, challenge, password));
  }

  signOut(): void {
    this.clearTokens();
    this.channel?.postMessage({ kind: "out" } satisfies Message);
  }

  /**
   * A token that is good for a request. Renews it when it is about to end, and waits for the person where that is
   * refused: whoever asked goes on as if nothing had happened.
   */
  async token(): Promise<string> {
    for (;;) {
      const tokens = this.tokens;
      if (this.status === "in" && tokens && tokens.expiresAt - RENEWAL_MARGIN_MS > now()) return tokens.id;
      if (this.status === "in" && tokens) await this.renew();
      else await new Promise<void>((resolve) => this.waitingForSignIn.push(resolve));
    }
  }

  /** Renews the token if it has less than `left` milliseconds to go: what is bought with it ends with it. */
  async ensureTokenLife(minLifeMs: number): Promise<void> {
    await this.token();
    if (this.expiresAt - minLifeMs < now()) await this.renew();
  }

  /** The service refused this token although it looked good: renew it, or ask the person. */
  async tokenRejected(token: string): Promise<void> {
    if (this.tokens?.id === token && this.status === "in") await this.renew();
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
      await this.acceptAnswer(await withRefreshToken(this.configuration, tokens.refresh));
    } catch (error) {
      // Not reached: the caller tells, and tries again. Refused: only the person can help.
      if (!(error instanceof SignInError)) throw error;
      if (this.tokens === tokens) this.setStatus("expired");
    }
  }

  private async acceptAnswer(answer: CognitoAnswer): Promise<string | undefined> {
    const id = answer.AuthenticationResult?.IdToken;
    if (id === undefined) {
      if (answer.ChallengeName === "NEW_PASSWORD_REQUIRED" && answer.Session) return answer.Session;
      throw new SignInError(
        "",
        `This account asks for a step that this page does not know (${answer.ChallengeName ?? "none"}).`,
      );
    }
    const { subject, email, expiresAt, issuedAt } = readClaims(id);
    if (issuedAt) setServiceTime(issuedAt);
    // A renewal answers with a refresh token only if the user pool rotates them.
    const refresh = answer.AuthenticationResult?.RefreshToken ?? this.tokens?.refresh ?? "";
    const other = this.tokens !== undefined && this.tokens.subject !== subject;
    const tokens: Tokens = { id, refresh, expiresAt, subject, email, clockOffsetMs: clockOffsetMs() };
    this.storeTokens(tokens);
    this.channel?.postMessage({ kind: "tokens", tokens } satisfies Message);
    // What the page shows is somebody else's.
    if (other) location.assign("/");
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

  private setStatus(standing: SessionStatus): void {
    this.status = standing;
    if (standing === "in") for (const resume of this.waitingForSignIn.splice(0)) resume();
    this.emit();
  }

  private receive(message: Message): void {
    if (message.kind === "ask" && this.status === "in" && this.tokens) {
      this.channel?.postMessage({ kind: "tokens", tokens: this.tokens } satisfies Message);
    } else if (message.kind === "tokens") {
      const mine = this.tokens;
      // Another person's sign-in in another tab is theirs; the same person's newer token serves here too.
      if (!mine || (mine.subject === message.tokens.subject && mine.expiresAt < message.tokens.expiresAt))
        this.storeTokens(message.tokens);
    } else if (message.kind === "out" && this.tokens) {
      this.clearTokens();
    }
  }
}
