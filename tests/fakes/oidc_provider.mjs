// A real OpenID provider (oidc-provider of npm) on loopback: clients register themselves, people are told to it first.
//
// node oidc_provider.mjs PEM PORT: the file holds key and certificate. It prints a line once it listens.

import { readFileSync } from "node:fs";
import { createServer } from "node:https";

import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const [pem, port] = process.argv.slice(2);
const issuer = `https://127.0.0.1:${port}`;
const people = new Map();
const { privateKey } = await generateKeyPair("RS256", { extractable: true });
const signing = { ...(await exportJWK(privateKey)), use: "sig", alg: "RS256", kid: "first" };

const provider = new Provider(issuer, {
  jwks: { keys: [signing] },
  cookies: { keys: ["only a test's"] },
  claims: {
    openid: ["sub"],
    email: ["email", "email_verified", "upn"],
    profile: ["given_name", "family_name", "department", "custom:badge", "groups"],
  },
  features: { devInteractions: { enabled: false }, registration: { enabled: true } },
  pkce: { required: () => true },
  ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  findAccount: (_, id) =>
    people.has(id) ? { accountId: id, claims: () => ({ sub: id, ...people.get(id) }) } : undefined,
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // Nobody is asked what the client may know.
  async loadExistingGrant(ctx) {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid email profile");
    await grant.save();
    return grant;
  },
});

const bodyOf = async (request) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
};

const form = `<!doctype html><html lang="en"><title>Sign in at Acme</title>
<form method="post"><label>User <input name="user" autofocus></label><button>Continue</button></form></html>`;

async function answer(request, response) {
  if (request.url === "/people") {
    for (const [id, claims] of Object.entries(JSON.parse(await bodyOf(request)))) people.set(id, claims);
    return response.end();
  }
  if (!request.url.startsWith("/interaction/")) return provider.callback()(request, response);
  if (request.method === "GET") return response.setHeader("Content-Type", "text/html").end(form);
  const accountId = new URLSearchParams(await bodyOf(request)).get("user");
  const result = accountId === "nobody" ? { error: "access_denied" } : { login: { accountId } };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const key = readFileSync(pem);
createServer({ key, cert: key }, answer).listen(Number(port), "127.0.0.1", () => console.log("ready"));
