// A browser's session: the refresh token is in a cookie no script can read, the access token in this module alone.

/** What the server answered in place of what was asked for; its message is for the reader. */
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? "The server did not answer as it should. Try again in a moment.");
    this.status = status;
  }
}

let accessToken = "";

/**
 * Do it while no other tab does: they share the cookie, and an old refresh token sent again may end the session. Whoever
 * comes next sends the cookie that this one was given. Without TLS browsers have no locks.
 */
const alone = (act) => (navigator.locks ? navigator.locks.request("session", act) : act());

/** Call below /auth, or by a whole path; gives the answer's JSON, or null without a body. */
export async function call(path, { method = "POST", body } = {}) {
  const headers = { Accept: "application/json" };
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`;
  if (body) headers["Content-Type"] = "application/json";
  const address = path.startsWith("/") ? path : `/auth/${path}`;
  const response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  const content = text ? JSON.parse(text) : null;
  if (!response.ok) throw new Refusal(response.status, content ?? {});
  return content;
}

/** Sign in, or refresh: keeps the token of the answer, if it has one, and gives the answer. */
export async function enter(path, body) {
  accessToken = "";
  const entered = await alone(() => call(path, { body: { ...body, cookie: true } }));
  accessToken = entered.access_token ?? "";
  return entered;
}

/** As a signed-in person; once more with a new token when the old one has expired meanwhile. */
export async function callSignedIn(path, how) {
  try {
    return await call(path, how);
  } catch (refusal) {
    if (refusal.status !== 401) throw refusal;
    await enter("token/refresh", {});
    return call(path, how);
  }
}

export async function leave() {
  await alone(() => call("signout", { body: { cookie: true } }));
  accessToken = "";
}
