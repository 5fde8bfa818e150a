// The inbox page: who is here, what is shown, and when it is brought together with the server.

import { others } from "../../access/static/access/sharing.js";
import { devicesView } from "./devices";
import { attempt, byId, element, heading, own, renew, say } from "./elements";
import { isFinal, reason } from "./faults";
import { Keeping, type Entry } from "./keeping";
import { listView } from "./list";
import { messageView, missingView, refreshFooter } from "./message";
import * as ringing from "./ringing";
import { DEVICES, INBOX, messageScreen, MISSING, screenShown, SETTINGS, type Screen } from "./screens";
import { identify, signOut } from "./session";
import { settingsView } from "./settings";
import { fetchOne, flush, review, sync } from "./syncing";
import { current, fetchTheme, wear } from "./theme";
import { visitBegan, visitEnded, type Who } from "./visits";
import { part } from "./watching";

const EVERY_MS = 60_000;
// Browsers do not always tell that the network is back.
const WHEN_AWAY_MS = 5_000;
let who: Who;
let kept: Keeping;

// --- What is shown -------------------------------------------------------------------------------------------------

/** A screen's name and what is on it. */
type View = [Screen, HTMLElement[]];

async function view(): Promise<View> {
  const [, path = "", id = ""] = location.hash.split("/");
  switch (path) {
    case "message":
      return openMessage(id);
    case "devices":
      return [DEVICES, await devicesView(redraw).catch(unavailable("Devices"))];
    case "settings":
      return [SETTINGS, settingsView(who, leave)];
    default:
      return [INBOX, listView(await kept.entries(), () => void redraw())];
  }
}

const unavailable = (title: string) => (error: unknown): HTMLElement[] => [
  heading(title),
  element("p", { class: "problem" }, reason(error)),
];

// How often the reader has gone somewhere.
let turn = 0;

/** Show what the address says, and begin to read it at its heading. */
async function go(): Promise<void> {
  say({});
  const mine = ++turn;
  const [screen, content] = await view();
  if (mine !== turn) return;
  byId("main").replaceChildren(...content);
  byId("title").focus();
  window.scrollTo(0, 0);
  screenShown.tell(screen);
  showUnread(await kept.entries());
}

/** Show the same again as it is now; the reader stays where he is. */
async function redraw(): Promise<void> {
  const mine = turn;
  const [, content] = await view();
  // The reader has gone elsewhere meanwhile.
  if (mine !== turn) return;
  renew(byId("main"), content);
}

/** Something has changed in what is kept. */
async function refresh(): Promise<void> {
  const entries = await kept.entries();
  showUnread(entries);
  await showStanding();
  const [, path = "", id = ""] = location.hash.split("/");
  const open = path === "message" ? entries.find((entry) => entry.id === id) : undefined;
  if (open) refreshFooter(open, act);
  else if (path === "") await redraw();
}

function showUnread(entries: Entry[]): void {
  const nUnread = entries.filter((entry) => !entry.isRead).length;
  byId("n-unread").textContent = nUnread ? String(nUnread) : "";
  byId("unread").hidden = nUnread === 0;
  document.title = nUnread ? `(${nUnread}) ${title}` : title;
}

let title = "Inbox";
screenShown.listen((screen) => {
  title = screen.title;
  for (const link of document.querySelectorAll<HTMLAnchorElement>("nav a")) {
    const isHere = link.dataset.screen === screen.name;
    const isAbove = link.dataset.screen === INBOX.name && location.hash.startsWith("#/message/");
    if (isHere || isAbove) link.setAttribute("aria-current", isHere ? "page" : "true");
    else link.removeAttribute("aria-current");
  }
});

async function showStanding(): Promise<void> {
  const nWaiting = (await kept.tasks()).filter((task) => task.kind === "act").length;
  const waiting = nWaiting ? ` To be sent when you are back: ${nWaiting} acknowledged.` : "";
  const said = isAway ? `No connection: this is what was kept.${waiting}` : "";
  // What is put there is read aloud.
  if (byId("standing-by").textContent !== said) byId("standing-by").textContent = said;
}

// --- Messages ------------------------------------------------------------------------------------------------------

async function openMessage(id: string): Promise<View> {
  const found = (await kept.entry(id)) ?? (await fetched(id));
  if (!found) return [MISSING, missingView()];
  if (!found.entry.isRead) {
    await kept.add({ key: `read:${id}`, kind: "read", id, at: Date.now() });
    void ringing.hush(id);
  }
  void meet(async () => {
    await flush(kept);
    await fetchOne(kept, id);
  });
  return [messageScreen(found.entry.campaignId, found.entry.title), messageView(found.entry, found.body, act)];
}

/** One that rang before it was synced. */
async function fetched(id: string): ReturnType<Keeping["entry"]> {
  await meet(() => sync(kept));
  return kept.entry(id);
}

/** Note it here first: the server is told when it can be. */
async function act(entry: Entry, action: string): Promise<void> {
  await kept.add({ key: `act:${entry.id}`, kind: "act", id: entry.id, action, at: Date.now() });
  await changed();
  byId("standing").focus();
  await meet(() => flush(kept));
  say({ note: isAway ? "Acknowledged. It is sent when you are back." : "" });
}

// --- Together with the server --------------------------------------------------------------------------------------

let isAway = false;
let lastMet = 0;

/** Do it with the server, if it can be reached, and show what came of it. */
async function meet(act: () => Promise<void>): Promise<void> {
  lastMet = Date.now();
  try {
    await act();
    isAway = false;
  } catch (error) {
    isAway = !isFinal(error) && !(error instanceof DOMException);
    if (!isAway) say({ problem: reason(error) });
  }
  await changed();
}

/** Show it here and in other tabs. */
async function changed(): Promise<void> {
  others.postMessage("changed");
  await refresh();
}

const meetAgain = (): Promise<void> => meet(() => sync(kept));

others.addEventListener("message", ({ data }) => {
  if (data === "changed" && kept) void refresh();
  if (data === "ended") visitEnded.tell("signed out");
});

// --- A visit -------------------------------------------------------------------------------------------------------

visitBegan.listen(() => {
  window.addEventListener("hashchange", () => void go());
  window.addEventListener("online", () => void meetAgain());
  window.addEventListener("offline", () => void meetAgain());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void meetAgain();
  });
  setInterval(() => {
    const isDue = Date.now() - lastMet >= (isAway ? WHEN_AWAY_MS : EVERY_MS);
    if (isDue && !document.hidden) void meetAgain();
  }, WHEN_AWAY_MS);
  navigator.serviceWorker?.addEventListener("message", ({ data }: MessageEvent<{ open?: string }>) => {
    if (data.open) location.hash = `#/message/${data.open}`;
    else void meetAgain();
  });
});

visitEnded.listen((how) => {
  const here = location.pathname + location.hash;
  location.assign(how === "over" ? `/signin?next=${encodeURIComponent(here)}` : "/signin");
});

/** What the server cannot be told now keeps nobody here. */
async function leave(): Promise<void> {
  await flush(kept).catch(() => {});
  await part();
  await signOut();
  visitEnded.tell("signed out");
}

/** A notification's address names its message, so that signing in on the way does not lose it. */
function readAddress(): void {
  const message = new URLSearchParams(location.search).get("message");
  if (message) history.replaceState(null, "", `/inbox#/message/${message}`);
}

/** Addresses name screens here, so the link to the content does without one. */
function skipToContent(event: Event): void {
  event.preventDefault();
  byId("main").focus();
}

async function begin(): Promise<void> {
  wear(current());
  byId("skip").addEventListener("click", skipToContent);
  readAddress();
  const found = await identify();
  if (!found) {
    const account = own("a", { href: "/signin" }, "Your account");
    byId("main").replaceChildren(heading("Inbox"), own("p", {}, "You belong to no organization yet."), account);
    return;
  }
  who = found;
  kept = await Keeping.open(who.memberId);
  visitBegan.tell(who);
  await go();
  await refresh();
  await meet(async () => {
    await sync(kept);
    await review(kept);
    await fetchTheme();
    await ringing.install();
    if ((await ringing.renewRegistration()) && location.hash === "#/devices") await redraw();
  });
}

void attempt(begin);
