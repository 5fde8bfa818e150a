// Who is signed in: the refresh token is in the sign-in page's cookie, and its module takes turns with other tabs.

import { enter, signOut as leave, WHO } from "../../access/static/access/sharing.js";
import { visitEnded, type Who } from "./visits";

interface Entered {
  access_token?: string;
  person: { id: string; email: string };
  member: { id: string } | null;
  organization: { name: string } | null;
}

let token = "";
let who: Who | null = null;
let renewing: Promise<void> | null = null;

export async function bearer(): Promise<string> {
  if (!token) await renew();
  return token;
}

/** Get a new access token; all that ask at once get the same. */
export function renew(): Promise<void> {
  renewing ??= enterAgain().finally(() => (renewing = null));
  return renewing;
}

/** Who is signed in; offline whoever was here last; null for somebody without an organization. */
export async function identify(): Promise<Who | null> {
  try {
    await renew();
  } catch (error) {
    who = isAnswer(error) ? null : last();
    if (!who) throw error;
  }
  return who;
}

/** Sign out; nothing stays of what was kept, in any tab. */
export async function signOut(): Promise<void> {
  await leave();
  token = "";
}

async function enterAgain(): Promise<void> {
  token = "";
  let entered: Entered;
  try {
    entered = await enter("token/refresh", {});
  } catch (error) {
    if (isAnswer(error)) visitEnded.tell("over");
    throw error;
  }
  const now = whoIn(entered);
  // Another tab has moved the session to another organization, or somebody else has signed in: nothing goes on here.
  if (who && who.memberId !== now?.memberId) {
    location.reload();
    await new Promise(() => {});
  }
  who = now;
  token = entered.access_token ?? "";
  if (who) localStorage.setItem(WHO, JSON.stringify(who));
}

function whoIn({ person, member, organization }: Entered): Who | null {
  if (!member || !organization) return null;
  return { personId: person.id, memberId: member.id, email: person.email, organization: organization.name };
}

/** Whether the server has said that there is no session, rather than nothing or that it is busy. */
function isAnswer(error: unknown): boolean {
  const status = (error as { status?: number }).status ?? 0;
  return status >= 400 && status < 500 && status !== 429;
}

function last(): Who | null {
  return JSON.parse(localStorage.getItem(WHO) ?? "null") as Who | null;
}
