/** The tokens of a sign-in and what the page needs to know about them. */
export interface Tokens {
  id: string;
  refresh: string;
  /** When the ID token expires, in milliseconds since 1970 UTC by the service's clock. */
  expiresAt: number;
  /** The user's `sub` claim, to notice when another user signs in. */
  subject: string;
  email: string;
  /** How far the browser's clock was behind the service's when the token was issued. */
  clockOffsetMs: number;
  /** The company's identity provider signed the user in. */
  byCompany?: boolean;
}

interface Claims {
  sub?: unknown;
  email?: unknown;
  exp?: unknown;
  iat?: unknown;
}

/** Reads the claims of an ID token without verifying it. The service verifies it; the page only displays the claims. */
export function readClaims(token: string): { subject: string; email: string; expiresAt: number; issuedAt: number } {
  const middle = token.split(".")[1] ?? "";
  const binary = atob(middle.replace(/-/g, "+").replace(/_/g, "/"));
  const text = new TextDecoder().decode(Uint8Array.from(binary, (char) => char.charCodeAt(0)));
  const found = JSON.parse(text) as Claims;
  if (typeof found.sub !== "string" || typeof found.exp !== "number")
    throw new Error("the ID token has no sub or exp claim");
  return {
    subject: found.sub,
    email: typeof found.email === "string" ? found.email : "",
    expiresAt: found.exp * 1000,
    issuedAt: typeof found.iat === "number" ? found.iat * 1000 : 0,
  };
}
