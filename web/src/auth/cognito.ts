/**
 * The calls of Amazon Cognito's user pools API that users make about their own sign-in. They take no AWS signature, only
 * the client id or the user's access token (Amazon Cognito user pools API reference, under the name of each call).
 */

import type { ClientConfiguration } from "../api/types";

export interface CognitoAnswer {
  AuthenticationResult?: { IdToken?: string; RefreshToken?: string; AccessToken?: string };
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
  PasswordResetRequiredException: "Your password must be reset.",
  InvalidPasswordException: "The new password is too weak: ",
  TooManyRequestsException: "Too many attempts. Wait a minute, then try again.",
  LimitExceededException: "Too many attempts. Wait a minute, then try again.",
  CodeMismatchException: "This code is not right. Check it, then try again.",
  EnableSoftwareTokenMFAException: "This code is not right. Enter the one that the app shows now.",
  ExpiredCodeException: "This code has expired or was used already. Ask for a new one.",
};

async function call<Answer = CognitoAnswer>(at: ClientConfiguration, action: string, body: unknown): Promise<Answer> {
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
  if (response.ok) return answer as Answer;
  if (response.status >= 500) throw new SignInUnavailable("the sign-in service has a problem");
  const { __type = "", message = "" } = answer as { __type?: string; message?: string };
  const code = __type.split("#").pop() ?? "";
  const words = MESSAGES[code];
  throw new SignInError(
    code,
    words === undefined ? message || "Sign-in failed." : words.endsWith(": ") ? words + message : words,
  );
}

export function withPassword(at: ClientConfiguration, email: string, password: string): Promise<CognitoAnswer> {
  return call(at, "InitiateAuth", {
    AuthFlow: "USER_PASSWORD_AUTH",
    ClientId: at.client_id,
    AuthParameters: { USERNAME: email, PASSWORD: password },
  });
}

export function withRefreshToken(at: ClientConfiguration, refresh: string): Promise<CognitoAnswer> {
  return call(at, "InitiateAuth", {
    AuthFlow: "REFRESH_TOKEN_AUTH",
    ClientId: at.client_id,
    AuthParameters: { REFRESH_TOKEN: refresh },
  });
}

/** What Cognito asks for after the password. */
export interface Challenge {
  name: "NEW_PASSWORD_REQUIRED" | "SOFTWARE_TOKEN_MFA";
  session: string;
}

/** The parameter of RespondToAuthChallenge that has the answer. */
const ANSWER_KEY = { NEW_PASSWORD_REQUIRED: "NEW_PASSWORD", SOFTWARE_TOKEN_MFA: "SOFTWARE_TOKEN_MFA_CODE" };

/** Answers with a new password after a temporary one, or with the code of the authenticator app. */
export function withAnswer(
  at: ClientConfiguration,
  email: string,
  { name, session }: Challenge,
  answer: string,
): Promise<CognitoAnswer> {
  return call(at, "RespondToAuthChallenge", {
    ChallengeName: name,
    ClientId: at.client_id,
    Session: session,
    ChallengeResponses: { USERNAME: email, [ANSWER_KEY[name]]: answer },
  });
}

/** Has a code sent by e-mail. The answer is the same for unknown addresses. */
export async function forgotPassword(at: ClientConfiguration, email: string): Promise<void> {
  await call(at, "ForgotPassword", { ClientId: at.client_id, Username: email });
}

export async function resetPassword(
  at: ClientConfiguration,
  email: string,
  code: string,
  password: string,
): Promise<void> {
  const given = { ClientId: at.client_id, Username: email, ConfirmationCode: code, Password: password };
  await call(at, "ConfirmForgotPassword", given);
}

export async function changePassword(
  at: ClientConfiguration,
  access: string,
  old: string,
  password: string,
): Promise<void> {
  await call(at, "ChangePassword", { AccessToken: access, PreviousPassword: old, ProposedPassword: password });
}

/** Whether the user signs in with an authenticator app. */
export async function hasAuthenticator(at: ClientConfiguration, access: string): Promise<boolean> {
  const user = await call<{ UserMFASettingList?: string[] }>(at, "GetUser", { AccessToken: access });
  return user.UserMFASettingList?.includes("SOFTWARE_TOKEN_MFA") ?? false;
}

/** The key that the authenticator app needs. It counts from {@link verifyAuthenticator} on. */
export async function newAuthenticatorKey(at: ClientConfiguration, access: string): Promise<string> {
  const answer = await call<{ SecretCode?: string }>(at, "AssociateSoftwareToken", { AccessToken: access });
  return answer.SecretCode ?? "";
}

export async function verifyAuthenticator(at: ClientConfiguration, access: string, code: string): Promise<void> {
  await call(at, "VerifySoftwareToken", { AccessToken: access, UserCode: code });
  await useAuthenticator(at, access, true);
}

/** Whether sign-in asks for the app's code from now on. */
export async function useAuthenticator(at: ClientConfiguration, access: string, isOn: boolean): Promise<void> {
  const settings = { Enabled: isOn, PreferredMfa: isOn };
  await call(at, "SetUserMFAPreference", { AccessToken: access, SoftwareTokenMfaSettings: settings });
}

/** Revokes a refresh token: no more ID tokens can be had for it. Those that were issued stay valid until they expire. */
export async function revoke(at: ClientConfiguration, refresh: string): Promise<void> {
  await call(at, "RevokeToken", { ClientId: at.client_id, Token: refresh });
}
