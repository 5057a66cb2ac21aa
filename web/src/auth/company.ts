/**
 * Sign-in by the company's identity provider: authorization code with PKCE at the user pool's domain (RFC 6749, RFC 7636).
 * A chunk of its own, which only these sign-ins load.
 *
 * oauth4webapi checks the ID token as OpenID Connect Core 1.0, section 3.1.3.7 says: issuer, audience, expiry and nonce.
 * It does not check the signature: the token came from the issuer's own token endpoint over TLS, which stands in for it
 * (number 6 there). The service checks the signature of every request's token.
 */

import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrantRequest,
  calculatePKCECodeChallenge,
  clockTolerance,
  customFetch,
  generateRandomCodeVerifier,
  generateRandomNonce,
  generateRandomState,
  JWT_TIMESTAMP_CHECK,
  None,
  OperationProcessingError,
  processAuthorizationCodeResponse,
  processRefreshTokenResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
  revocationRequest,
  type TokenEndpointResponse,
  validateAuthResponse,
} from "oauth4webapi";
import type { CompanySignIn } from "../api/types";
import { type CognitoAnswer, SignInError, SignInUnavailable } from "./cognito";

/** The sign-in that this tab has begun. Other tabs cannot read it, so a code cannot be brought to another one. */
const KEY = "docket.company-sign-in";
/** The browser's clock may be off by so much. */
const CLOCK_TOLERANCE_SECONDS = 300;

interface PendingSignIn {
  state: string;
  nonce: string;
  verifier: string;
  /** Where the reader was. */
  returnTo: string;
}

function server(company: CompanySignIn) {
  const { url, issuer } = company;
  return { issuer, token_endpoint: `${url}/oauth2/token`, revocation_endpoint: `${url}/oauth2/revoke` };
}

function client(company: CompanySignIn) {
  return { client_id: company.client_id, [clockTolerance]: CLOCK_TOLERANCE_SECONDS };
}

function options(company: CompanySignIn) {
  return {
    // Without TLS only on this machine.
    [allowInsecureRequests]: /^http:\/\/(localhost|127\.0\.0\.1)[:/]/.test(company.url),
    // A sign-out is completed although the page is left meanwhile.
    [customFetch]: (url: string, init: object) => fetch(url, { ...init, credentials: "omit", keepalive: true }),
  };
}

function redirectUri(): string {
  return `${location.origin}/sign-in`;
}

/** Leaves the page for the provider's. */
export async function begin(company: CompanySignIn, provider: string, returnTo: string): Promise<void> {
  const attempt: PendingSignIn = {
    state: generateRandomState(),
    nonce: generateRandomNonce(),
    verifier: generateRandomCodeVerifier(),
    returnTo,
  };
  sessionStorage.setItem(KEY, JSON.stringify(attempt));
  const query = new URLSearchParams({
    response_type: "code",
    client_id: company.client_id,
    redirect_uri: redirectUri(),
    scope: "openid email profile",
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await calculatePKCECodeChallenge(attempt.verifier),
    code_challenge_method: "S256",
    identity_provider: provider,
  });
  location.assign(`${company.url}/oauth2/authorize?${query}`);
}

/** The sign-in that this state belongs to. It is over from now on: a code works once. */
function take(state: string | null): PendingSignIn | undefined {
  const saved = sessionStorage.getItem(KEY);
  const attempt = saved === null ? undefined : (JSON.parse(saved) as PendingSignIn);
  if (!attempt || attempt.state !== state) return undefined;
  sessionStorage.removeItem(KEY);
  return attempt;
}

/** Where a sign-in ends: the tokens or what went wrong, and where the reader was. */
export interface FinishedSignIn {
  returnTo: string;
  answer?: CognitoAnswer;
  problem?: string;
}

/** Completes the sign-in with what the provider has added to the page's address. */
export async function complete(company: CompanySignIn, query: URLSearchParams): Promise<FinishedSignIn> {
  const attempt = take(query.get("state"));
  if (!attempt) return { returnTo: "/", problem: "This sign-in was not started here, or it is over. Sign in again." };
  const { returnTo, state, verifier, nonce } = attempt;
  try {
    const [as, of, with_] = [server(company), client(company), options(company)];
    const code = validateAuthResponse(as, of, query, state);
    const response = await authorizationCodeGrantRequest(as, of, None(), code, redirectUri(), verifier, with_);
    await checkAvailable(response);
    const tokens = await processAuthorizationCodeResponse(as, of, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    });
    return { returnTo, answer: answer(tokens) };
  } catch (error) {
    console.warn(error);
    return { returnTo, problem: problem(error) };
  }
}

export async function refresh(company: CompanySignIn, token: string): Promise<CognitoAnswer> {
  try {
    const [as, of] = [server(company), client(company)];
    const response = await refreshTokenGrantRequest(as, of, None(), token, options(company));
    await checkAvailable(response);
    return answer(await processRefreshTokenResponse(as, of, response));
  } catch (error) {
    // Without an answer the session may be fine, so the caller tries again.
    if (error instanceof ResponseBodyError || error instanceof OperationProcessingError)
      throw new SignInError(error.code ?? "", problem(error));
    throw new SignInUnavailable("the sign-in service did not answer");
  }
}

export async function revoke(company: CompanySignIn, token: string): Promise<void> {
  await revocationRequest(server(company), client(company), None(), token, options(company));
}

/** Revokes the refresh token, and ends the session at the user pool's domain, which would sign in without asking. */
export function end(company: CompanySignIn, token: string): void {
  // If that fails, the token stays valid until it expires.
  void revoke(company, token).catch((error: unknown) => console.warn(error));
  const query = new URLSearchParams({ client_id: company.client_id, logout_uri: `${location.origin}/` });
  location.assign(`${company.url}/logout?${query}`);
}

async function checkAvailable(response: Response): Promise<void> {
  if (response.status === 429 || response.status >= 500)
    throw new SignInUnavailable("the sign-in service has a problem");
}

function answer({ id_token, refresh_token, access_token }: TokenEndpointResponse): CognitoAnswer {
  return {
    AuthenticationResult: {
      ...(id_token === undefined ? {} : { IdToken: id_token }),
      ...(refresh_token === undefined ? {} : { RefreshToken: refresh_token }),
      AccessToken: access_token,
    },
  };
}

/** What went wrong, for the reader. */
function problem(error: unknown): string {
  if (error instanceof AuthorizationResponseError) {
    const said = error.error_description?.trim();
    if (error.error === "access_denied" && !said) return "The sign-in was cancelled or refused. Try again.";
    return `The sign-in was refused: ${said || error.error}`;
  }
  if (error instanceof ResponseBodyError)
    return error.error === "invalid_grant"
      ? "This sign-in is over: its code works only once and for a few minutes. Sign in again."
      : `The sign-in was refused: ${error.error_description ?? error.error}`;
  if (error instanceof OperationProcessingError)
    return error.code === JWT_TIMESTAMP_CHECK
      ? "The clock of this device is wrong. Set it, then sign in again."
      : "The answer of the sign-in service is not of this sign-in, so it was refused. Sign in again.";
  return "The sign-in service cannot be reached. Check your connection, then sign in again.";
}
