/**
 * The calls of Amazon Cognito's user pools API that sign-in and sign-out need. They take no AWS signature, only the client
 * id (Amazon Cognito user pools API reference, InitiateAuth, RespondToAuthChallenge and RevokeToken).
 */

import type { Configuration } from "../api/types";

export interface CognitoAnswer {
  AuthenticationResult?: { IdToken?: string; RefreshToken?: string };
  ChallengeName?: string;
  Session?: string;
}

/** Cognito refused the sign-in. The message is for the user. */
export class SignInError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** Cognito did not answer, or answered with a server error. */
export class SignInUnavailable extends Error {}

const MESSAGES: Record<string, string> = {
  NotAuthorizedException: "Incorrect e-mail address or password.",
  UserNotFoundException: "Incorrect e-mail address or password.",
  UserNotConfirmedException: "This account is not confirmed yet. Ask your administrator to confirm it.",
  PasswordResetRequiredException: "Your password must be reset. Ask your administrator to reset it.",
  InvalidPasswordException: "The new password is too weak: ",
  TooManyRequestsException: "Too many attempts. Wait a minute, then try again.",
  LimitExceededException: "Too many attempts. Wait a minute, then try again.",
  CodeMismatchException: "The session expired. Sign in again.",
};

async function call(at: Configuration, action: string, body: unknown): Promise<CognitoAnswer> {
  let response: Response;
  try {
    response = await fetch(at.sign_in_url, {
      method: "POST",
      headers: {
        "content-type": "application/x-amz-json-1.1",
        "x-amz-target": `AWSCognitoIdentityProviderService.${action}`,
      },
      body: JSON.stringify(body),
      credentials: "omit",
      // A sign-out is completed although the tab is closed meanwhile.
      keepalive: true,
    });
  } catch {
    throw new SignInUnavailable("the sign-in service did not answer");
  }
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer as CognitoAnswer;
  if (response.status >= 500) throw new SignInUnavailable("the sign-in service has a problem");
  const { __type = "", message = "" } = answer as { __type?: string; message?: string };
  const code = __type.split("#").pop() ?? "";
  const words = MESSAGES[code];
  throw new SignInError(
    code,
    words === undefined ? message || "Sign-in failed." : words.endsWith(": ") ? words + message : words,
  );
}

export function withPassword(at: Configuration, email: string, password: string): Promise<CognitoAnswer> {
  return call(at, "InitiateAuth", {
    AuthFlow: "USER_PASSWORD_AUTH",
    ClientId: at.client_id,
    AuthParameters: { USERNAME: email, PASSWORD: password },
  });
}

export function withRefreshToken(at: Configuration, refresh: string): Promise<CognitoAnswer> {
  return call(at, "InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: at.client_id,
    AuthParameters: { REFRESH_TOKEN: refresh },
  });
}

/** Answers the challenge of the first sign-in with a temporary password. */
export function withNewPassword(
  at: Configuration,
  email: string,
  session: string,
  password: string,
): Promise<CognitoAnswer> {
  return call(at, "RespondToAuthChallenge", {
    ChallengeName: "NEW_PASSWORD_REQUIRED",
    ClientId: at.client_id,
    Session: session,
    ChallengeResponses: { USERNAME: email, NEW_PASSWORD: password },
  });
}

/** Revokes a refresh token: no more ID tokens can be had for it. Those that were issued stay valid until they expire. */
export async function revoke(at: Configuration, refresh: string): Promise<void> {
  await call(at, "RevokeToken", { ClientId: at.client_id, Token: refresh });
}
