// The screens that were visited, as links that lead to when.

import { byId, clock } from "./page";
import { CUSTOM, META, type Recorded } from "./scrubbing";

export interface Visited {
  name: string;
  atMs: number;
}

const MESSAGE = /^MessageDetail::(.+)$/;
// A recording may tell of more than a page can show.
const MOST_LISTED = 200;

/** As the page told; of recordings by others, which addresses there were. */
export function visited(events: Recorded[], campaigns: Record<string, string>): Visited[] {
  const begun = events.reduce((least, { timestamp }) => Math.min(least, timestamp), Infinity);
  const told = events.filter((event) => event.type === CUSTOM && event.data.tag === "screen");
  const from = told.length ? told : events.filter((event) => event.type === META);
  const all = from.map((event) => ({ name: nameOf(event, campaigns), atMs: Math.max(0, event.timestamp - begun) }));
  return all.filter((each, index) => each.name && each.name !== all[index - 1]?.name);
}

function nameOf({ type, data }: Recorded, campaigns: Record<string, string>): string {
  if (type === META) return addressOf(String(data.href ?? ""));
  const name = String(data.payload?.name ?? "");
  const campaign = MESSAGE.exec(name)?.[1];
  const known = campaign === undefined ? undefined : campaigns[campaign];
  return known ? `Message of ${known}` : name;
}

function addressOf(href: string): string {
  try {
    const { pathname, hash } = new URL(href);
    return pathname + hash;
  } catch {
    return "";
  }
}

/** Lead to the times that stand in the links' fragments, and in the address the page was opened with. */
export function list(screens: Visited[], goto: (ms: number) => void): void {
  const on = byId("player-screens", HTMLElement);
  on.replaceChildren();
  for (const screen of screens.slice(0, MOST_LISTED)) on.append(item(linkTo(screen, goto), screen.atMs));
  const nMore = screens.length - MOST_LISTED;
  if (nMore > 0) on.append(item(`${nMore.toLocaleString("en")} more are not listed.`));
  byId("player-no-screens", HTMLElement).hidden = screens.length > 0;
}

function item(content: Node | string, atMs?: number): HTMLElement {
  const made = document.createElement("li");
  if (atMs !== undefined) {
    const time = document.createElement("span");
    time.className = "player-when";
    time.textContent = clock(atMs);
    made.append(time, " ");
  }
  made.append(content);
  return made;
}

function linkTo({ name, atMs }: Visited, goto: (ms: number) => void): HTMLElement {
  const link = document.createElement("a");
  link.className = "text-link";
  link.href = `#t=${Math.floor(atMs / 1000)}`;
  link.textContent = name;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    history.replaceState(null, "", link.href);
    goto(atMs);
  });
  return link;
}

/** Where the address says to begin. */
export function wanted(): number {
  const found = /^#t=(\d{1,6})$/.exec(location.hash);
  return found ? Number(found[1]) * 1000 : 0;
}
