// What the member has agreed to have told of a visit. Without the server's answer that is nothing.

import { read } from "./api";
import { signal } from "./signal";
import { visitBegan, visitEnded } from "./visits";

export interface Consents {
  /** Null if never asked. */
  touches: boolean | null;
  recording: boolean | null;
  /** By the organization. */
  isRecordingOffered: boolean;
  isTextMasked: boolean;
}

export type Choice = { [kind in "touches" | "recording"]?: boolean };

/** By the server's answer, by the reader's choice, in any tab. */
export const consentsChanged = signal<Consents>();

const WITHDRAWN = "inbox.withdrawn";
const others = new BroadcastChannel("inbox.consents");
let memberId = "";
let known: Consents | null = null;

/** Null as long as the server has not told. */
export const consents = (): Consents | null => known;

/** Browsers without these cannot send a recording. */
export const isRecordable = (of: Consents): boolean => of.isRecordingOffered && "CompressionStream" in window;

visitBegan.listen((who) => (memberId = who.memberId));
visitEnded.listen((how) => {
  if (how === "signed out") localStorage.removeItem(WITHDRAWN);
});
others.addEventListener("message", ({ data }: MessageEvent<{ memberId: string; now: Consents }>) => {
  if (data.memberId === memberId) take(data.now);
});

/** Ask the server, or tell it what it could not be told before. */
export async function fetchConsents(): Promise<void> {
  const withdrawn = leftOver();
  take(await (Object.keys(withdrawn).length ? put(withdrawn) : read<Consents>("consents")));
}

/** What is withdrawn holds at once, and is told to the server when it can be; what is allowed holds when it knows. */
export async function choose(choice: Choice): Promise<void> {
  const withdrawn = Object.fromEntries(Object.entries(choice).filter(([, agreed]) => !agreed));
  const left = Object.entries(leftOver()).filter(([kind]) => !(kind in choice));
  keepForLater({ ...Object.fromEntries(left), ...withdrawn });
  if (known) spread({ ...known, ...withdrawn });
  try {
    spread(await put({ ...Object.fromEntries(left), ...choice }));
  } catch (error) {
    if (Object.values(choice).some(Boolean)) throw error;
  }
}

async function put(choice: Choice): Promise<Consents> {
  const body = JSON.stringify(choice);
  const now = await read<Consents>("consents", { method: "PUT", body, headers: { "Content-Type": "application/json" } });
  keepForLater({});
  return now;
}

function spread(now: Consents): void {
  others.postMessage({ memberId, now });
  take(now);
}

function take(now: Consents): void {
  known = now;
  consentsChanged.tell(now);
}

/** Withdrawals that the server does not know of. */
function leftOver(): Choice {
  const kept = JSON.parse(localStorage.getItem(WITHDRAWN) ?? "null") as { memberId: string; choice: Choice } | null;
  return kept?.memberId === memberId ? kept.choice : {};
}

function keepForLater(choice: Choice): void {
  if (Object.keys(choice).length) localStorage.setItem(WITHDRAWN, JSON.stringify({ memberId, choice }));
  else localStorage.removeItem(WITHDRAWN);
}
