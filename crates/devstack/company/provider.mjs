// An OpenID Connect provider of a company: `node provider.mjs <label> <users.json> <callback URL>`.
//
// users.json is read at each sign-in: {"rita": {"email": "rita@acme.example", "groups": ["legal-reviewers"]}}. The provider asks
// for no password, only who signs in, and asks each time: one browser can be several people. The client is `docket`
// (crates/devstack/src/companies.rs). It listens on a free port, which is its first line of output, and ends with its standard
// input, so that it never outlives the process that started it.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

// The parent process reads one line of standard output, and no more.
const print = console.log;
console.log = console.info = console.warn = console.error;
const { default: Provider, interactionPolicy } = await import("oidc-provider");

const [label, usersFile, callback] = process.argv.slice(2);
const users = () => JSON.parse(readFileSync(usersFile, "utf8"));
const escaped = (text) => String(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

const { Check, base } = interactionPolicy;
const policy = base();
const asksEachTime = new Check("asks_each_time", "each sign-in asks who it is", (context) =>
  context.oidc.result?.login ? Check.NO_NEED_TO_PROMPT : Check.REQUEST_PROMPT,
);
policy.get("login").checks.add(asksEachTime);

const configuration = {
  clients: [{ client_id: "docket", client_secret: "secret-of-this-machine", redirect_uris: [callback], token_endpoint_auth_method: "client_secret_post" }],
  // MiniStack sends no PKCE to a provider; nor does Cognito.
  pkce: { required: () => false },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name", "groups", "roles"] },
  conformIdTokenClaims: false,
  cookies: { keys: ["of-this-machine"] },
  features: { devInteractions: { enabled: false } },
  interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...users()[id] }) }),
  // Grants every scope without a consent page.
  async loadExistingGrant(context) {
    const grant = new context.oidc.provider.Grant({ accountId: context.oidc.session.accountId, clientId: context.oidc.client.clientId });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
};

/** The page on which a person says who they are. */
function page(path) {
  const row = ([id, { name = id, email = "", groups = [] }]) =>
    `<button name="user" value="${escaped(id)}"><b>${escaped(name)}</b> ${escaped(email)}<small>${escaped(groups.join(", ") || "no group")}</small></button>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>${escaped(label)}</title>
<style>body{font:16px/1.4 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}button{font:inherit;display:block;width:100%;text-align:left;padding:.6rem .8rem;margin:.5rem 0;cursor:pointer}small{display:block;opacity:.8}</style>
<h1>${escaped(label)}</h1><p>A sign-in page of a company, on this machine. Who are you?</p>
<form method="post" action="${path}">${Object.entries(users()).map(row).join("\n")}<button name="cancel" value="yes">Cancel</button></form></html>`;
}

async function answerOf(request) {
  let body = "";
  for await (const part of request) {
    body += part;
    if (body.length > 1000) return {};
  }
  return Object.fromEntries(new URLSearchParams(body));
}

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const provider = new Provider(`http://127.0.0.1:${port}`, configuration);
  provider.use(async (context, next) => {
    if (!/^\/interaction\/[\w-]+$/.test(context.path)) return next();
    if (context.method === "GET") {
      context.type = "html";
      context.body = page(context.path);
      return undefined;
    }
    const { user, cancel } = await answerOf(context.req);
    if (!cancel && !users()[user]) context.throw(403, `there is no user ${user}`);
    const result = cancel ? { error: "access_denied", error_description: "no account was chosen" } : { login: { accountId: user } };
    return provider.interactionFinished(context.req, context.res, result, { mergeWithLastSubmission: false });
  });
  server.on("request", provider.callback());
  print(JSON.stringify({ port }));
});

process.stdin.on("end", () => process.exit(0)).resume();
