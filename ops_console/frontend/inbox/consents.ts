// What the member has agreed to have told of a visit. Without the server's answer that is nothing.

import { Code, ConnectError } from "@connectrpc/connect";
import { WITHDRAWN } from "../../access/static/access/sharing.js";
import { read } from "./api";
import { signal } from "./signal";
import { alone } from "./syncing";
import { visitBegan } from "./visits";

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

const others = new BroadcastChannel("inbox.consents");
let memberId = "";
let known: Consents | null = null;
// In this tab and in others.
let nChoices = 0;

/** Null as long as the server has not told. */
export const consents = (): Consents | null => known;

/** Browsers without these cannot send a recording. */
export const isRecordable = (of: Consents): boolean => of.isRecordingOffered && "CompressionStream" in window;

visitBegan.listen((who) => (memberId = who.memberId));
others.addEventListener("message", ({ data }: MessageEvent<{ memberId: string; now: Consents }>) => {
  if (data.memberId !== memberId) return;
  nChoices += 1;
  take(data.now);
});

/** Ask the server, or tell it what it could not be told before. */
export async function fetchConsents(): Promise<void> {
  const before = nChoices;
  const now = await (isEmpty(leftOver()) ? read<Consents>("consents") : tell({}));
  // What was chosen meanwhile the answer may not know of.
  if (nChoices === before) take(now);
}

/** The server's word, where it takes touches and pictures only from those who agree. */
export const isUnagreed = (error: unknown): boolean =>
  error instanceof ConnectError && error.code === Code.FailedPrecondition;

/** What is withdrawn holds at once, and is told to the server when it can be; what is allowed holds when it knows. */
export async function choose(choice: Choice): Promise<void> {
  const mine = ++nChoices;
  const withdrawn = only(choice, (_, agreed) => !agreed);
  keepForLater({ ...only(leftOver(), (kind) => !(kind in choice)), ...withdrawn });
  if (known) spread({ ...known, ...withdrawn });
  try {
    const now = await tell(choice);
    if (nChoices === mine) spread(now);
  } catch (error) {
    if (Object.values(choice).some(Boolean)) throw error;
  }
}

/** Tell the server, and what it does not know yet; in turns, so that what was chosen last is told last. */
function tell(choice: Choice): Promise<Consents> {
  return alone("inbox.consents", async () => {
    const before = nChoices;
    const told = { ...choice, ...leftOver() };
    const headers = { "Content-Type": "application/json" };
    const now = await read<Consents>("consents", { method: "PUT", body: JSON.stringify(told), headers });
    if (nChoices === before) keepForLater(only(leftOver(), (kind) => told[kind] !== false));
    return now;
  });
}

function spread(now: Consents): void {
  others.postMessage({ memberId, now });
  take(now);
}

function take(now: Consents): void {
  known = now;
  consentsChanged.tell(now);
}

/** Withdrawals that the server does not know of. They outlive signing out. */
const leftOver = (): Choice => JSON.parse(localStorage.getItem(WITHDRAWN + memberId) ?? "{}") as Choice;

function keepForLater(choice: Choice): void {
  if (isEmpty(choice)) localStorage.removeItem(WITHDRAWN + memberId);
  else localStorage.setItem(WITHDRAWN + memberId, JSON.stringify(choice));
}

const isEmpty = (choice: Choice): boolean => Object.keys(choice).length === 0;

function only(choice: Choice, isMeant: (kind: keyof Choice, agreed: boolean) => boolean): Choice {
  return Object.fromEntries(Object.entries(choice).filter(([kind, agreed]) => isMeant(kind as keyof Choice, agreed)));
}
