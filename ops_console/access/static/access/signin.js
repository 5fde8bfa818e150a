// The sign-in page: an address and its code or its identity provider, or a passkey; then who one is, where, and with
// which passkeys.

import { call, callSignedIn } from "./session.js";
import { enter, signOut } from "./sharing.js";
import * as webauthn from "./webauthn.js";

const { signedIn, inConsole, next, publicUrl, problem: told, console: consoleUrl } = document.body.dataset;
const leadsToConsole = next.startsWith(consoleUrl);
const element = (id) => document.getElementById(id);
const SECTIONS = ["address", "provider", "code", "choice", "account"];

// --- What is shown -------------------------------------------------------------------------------------------------

function show(name, { focus } = {}) {
  for (const each of SECTIONS) element(each).hidden = each !== name;
  document.title = element(`${name}-title`).textContent;
  element(focus ?? `${name}-title`).focus();
}

function say({ note = "", problem = "" }) {
  element("note").textContent = note;
  element("problem").textContent = problem;
  element("problem").hidden = !problem;
}

function button(label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", () => attempt(act, made));
  return made;
}

function fill(list, items) {
  element(list).replaceChildren(
    ...items.map((content) => {
      const item = document.createElement("li");
      item.append(...content);
      return item;
    }),
  );
}

/** Do it once at a time, and tell what went wrong. */
async function attempt(act, control) {
  say({});
  if (control) control.disabled = true;
  try {
    await act();
  } catch (error) {
    say({ problem: reason(error) });
  } finally {
    if (control) control.disabled = false;
  }
}

function reason(error) {
  switch (error.name) {
    case "NotAllowedError":
      return "Nothing was chosen in time, or this browser has no passkey for this site.";
    case "InvalidStateError":
      return "This device has a passkey of yours already.";
    case "TypeError":
      return "The server cannot be reached. Try again in a moment.";
    default:
      return error.message;
  }
}

function onSubmit(form, act) {
  element(form).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => act(new FormData(event.target)), event.submitter);
  });
}

// --- Signing in ----------------------------------------------------------------------------------------------------

onSubmit("address-form", async (fields) => {
  const email = fields.get("email").trim();
  // A provider opens its organization and never the console.
  const provider = leadsToConsole ? "" : await providerOf(email);
  if (!provider) return sendCode(email);
  element("provider-domain").textContent = email.slice(email.lastIndexOf("@") + 1);
  element("use-provider").onclick = (event) => attempt(() => goTo(provider, email), event.currentTarget);
  element("use-code").onclick = (event) => attempt(() => sendCode(email), event.currentTarget);
  show("provider", { focus: "use-provider" });
});

/** The name of the identity provider that signs the address in; none, also when it is nobody's address. */
async function providerOf(email) {
  const response = await fetch("/pidgr.v1.SSOService/CheckSSOByDomain", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ email }),
  });
  // A code in its place would be the wrong door.
  if (response.status === 429) throw new Error("Many people sign in from your network now. Try again in a moment.");
  const { ssoEnabled, providerName } = response.ok ? await response.json() : {};
  return ssoEnabled ? providerName : "";
}

async function goTo(provider, email) {
  const { url } = await call("sso/start", { body: { provider, email, next } });
  location.assign(url);
}

async function sendCode(email) {
  await call("otp/start", { body: { email } });
  element("code-email").textContent = email;
  element("code-form").reset();
  show("code", { focus: "digits" });
}

onSubmit("code-form", (fields) =>
  proceed("otp/verify", { email: element("code-email").textContent, code: fields.get("code") }),
);

for (const again of document.querySelectorAll(".start-over")) {
  again.addEventListener("click", () => {
    say({});
    show("address", { focus: "email" });
  });
}

element("use-passkey").addEventListener("click", (event) =>
  attempt(async () => {
    const credential = await webauthn.get(await call("passkeys/login/options", { body: {} }));
    await proceed("passkeys/login/verify", { credential });
  }, event.currentTarget),
);

/** Sign in; a member of several organizations first chooses one, with the same proof. */
async function proceed(path, proof) {
  const answer = await enter(path, proof);
  if (answer.access_token) return arrive(answer);
  fill(
    "choices",
    answer.organizations.map(({ id, name }) => [button(name, () => proceed(path, { ...proof, organization_id: id }))]),
  );
  show("choice");
}

/** Go on to where the reader came from; staff to the console. */
async function arrive(answer) {
  if (!answer.organization && !answer.person.is_staff && (await providerOf(answer.person.email))) {
    await showAccount(answer);
    return say({ note: "Your organization signs in through its identity provider: sign out and continue there." });
  }
  if (next && !leadsToConsole) return location.assign(next);
  if (answer.person.is_staff) return location.assign(next || consoleUrl);
  await showAccount(answer);
  if (leadsToConsole) say({ problem: "You may not use the operations console." });
}

// --- Signed in -----------------------------------------------------------------------------------------------------

async function showAccount({ method, person, organization, organizations }) {
  element("account-email").textContent = person.email;
  element("account-organization").textContent = organization?.name ?? "None yet";
  element("console-link").hidden = !person.is_staff || inConsole !== "yes";
  const others = organizations.filter(({ id }) => id !== organization?.id);
  element("others").hidden = others.length === 0;
  fill("other-organizations", others.map(({ id, name }) => [button(name, () => move(id))]));
  // A provider's word is for its organization: passkeys are the person's own.
  element("own-passkeys").hidden = method === "sso";
  if (method !== "sso") await showPasskeys();
  show("account");
}

async function move(id) {
  const answer = await enter("token/refresh", { organization_id: id });
  await showAccount(answer);
  say({ note: `You are now in ${answer.organization.name}.` });
}

async function showPasskeys() {
  const { passkeys } = await callSignedIn("passkeys", { method: "GET" });
  element("no-passkeys").hidden = passkeys.length > 0;
  fill("passkeys", passkeys.map((passkey) => [nameOf(passkey), removal(passkey)]));
}

function nameOf({ name, created_at: createdAt }) {
  const text = document.createElement("span");
  const since = document.createElement("small");
  since.textContent = `since ${new Date(createdAt).toLocaleDateString("en", { dateStyle: "long" })}`;
  text.append(name, since);
  return text;
}

function removal({ id, name }) {
  const remove = button("Remove", async () => {
    await callSignedIn(`passkeys/${id}`, { method: "DELETE" });
    await showPasskeys();
    element("passkeys-title").focus();
    say({ note: `The passkey ${name} was removed.` });
  });
  remove.setAttribute("aria-label", `Remove ${name}`);
  return remove;
}

onSubmit("passkey-form", async (fields) => {
  const options = await callSignedIn("passkeys/register/options", { body: {} });
  const credential = await webauthn.create(options);
  const { name } = await callSignedIn("passkeys/register/verify", { body: { credential, name: fields.get("name") } });
  element("passkey-form").reset();
  await showPasskeys();
  say({ note: `The passkey ${name} was added.` });
});

element("sign-out").addEventListener("click", (event) =>
  attempt(async () => {
    await signOut();
    show("address", { focus: "email" });
    say({ note: "You are signed out." });
  }, event.currentTarget),
);

// --- Beginning -----------------------------------------------------------------------------------------------------

async function begin() {
  if (location.origin !== new URL(publicUrl).origin) {
    show("address", { focus: "email" });
    const here = new URL("/signin", publicUrl).href;
    return say({ problem: `Signing in works at ${here} alone: passkeys and cookies belong to that name.` });
  }
  if (!webauthn.isSupported()) {
    element("use-passkey").disabled = true;
    element("passkey-form").hidden = true;
  }
  if (signedIn !== "yes") show("address", { focus: "email" });
  else await showAccount(await enter("token/refresh", {}));
  if (told) say({ problem: told });
}

attempt(begin).then(() => {
  if (SECTIONS.every((name) => element(name).hidden)) show("address", { focus: "email" });
});
