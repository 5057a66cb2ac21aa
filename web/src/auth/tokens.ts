/** What a page keeps of a sign-in. */
export interface Tokens {
  id: string;
  refresh: string;
  /** When the ID token ends, in milliseconds since 1970 UTC, by the service's clock. */
  expiresAt: number;
  /** Who it is, to tell whether somebody else signs in after it ended. */
  subject: string;
  email: string;
  /** How much the reader's clock was behind the service's when the token was issued, in milliseconds. */
  clockOffsetMs: number;
}

interface Claims {
  sub?: unknown;
  email?: unknown;
  exp?: unknown;
  iat?: unknown;
}

/** What an ID token says. It is read, not verified: the service does that, and the page only shows it. */
export function readClaims(token: string): { subject: string; email: string; expiresAt: number; issuedAt: number } {
  const middle = token.split(".")[1] ?? "";
  const binary = atob(middle.replace(/-/g, "+").replace(/_/g, "/"));
  const text = new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  const found = JSON.parse(text) as Claims;
  if (typeof found.sub !== "string" || typeof found.exp !== "number") throw new Error("an ID token without sub or exp");
  return {
    subject: found.sub,
    email: typeof found.email === "string" ? found.email : "",
    expiresAt: found.exp * 1000,
    issuedAt: typeof found.iat === "number" ? found.iat * 1000 : 0,
  };
}
