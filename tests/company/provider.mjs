// An OpenID Connect provider of a company: `node provider.mjs <port> <users.json> <callback URL>`.
//
// users.json is read at each sign-in: {"rita": {"email": "rita@acme.example", "groups": ["legal-reviewers"]}}. The form asks for
// a user's name only. The client is `docket`, with the secret of the tests. It ends with its standard input, so that it never outlives
// the process that started it.

import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, usersFile, callback] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const users = () => JSON.parse(readFileSync(usersFile, "utf8"));

const provider = new Provider(issuer, {
  clients: [{ client_id: "docket", client_secret: "secret-of-the-tests", redirect_uris: [callback], token_endpoint_auth_method: "client_secret_post" }],
  // MiniStack sends no PKCE to a provider; nor does Cognito.
  pkce: { required: () => false },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups", "roles"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["tests"] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...users()[id] }) }),
  // Nobody is asked what the service may know.
  async loadExistingGrant(context) {
    const grant = new context.oidc.provider.Grant({ accountId: context.oidc.session.accountId, clientId: context.oidc.client.clientId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

provider.use(async (context, next) => {
  const found = /^\/interaction\/([\w-]+)$/.exec(context.path);
  if (!found) return next();
  if (context.method === "GET") {
    context.type = "html";
    context.body = `<form method="post" action="${context.path}"><label>User <input name="user" autofocus></label><button>Sign in</button></form>`;
    return undefined;
  }
  let body = "";
  for await (const part of context.req) body += part;
  const user = new URLSearchParams(body).get("user");
  if (!users()[user]) context.throw(403, `there is no user ${user}`);
  return provider.interactionFinished(context.req, context.res, { login: { accountId: user } }, { mergeWithLastSubmission: false });
});

process.stdin.on("end", () => process.exit(0)).resume();
provider.listen(Number(port), "127.0.0.1", () => console.log(JSON.stringify({ issuer })));
