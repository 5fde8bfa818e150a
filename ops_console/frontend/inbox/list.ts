// The list of messages, newest first.

import { element, heading, own, time } from "./elements";
import { isAcknowledged, isOpen, type Entry } from "./keeping";
import { DeliveryStatus } from "../gen/pidgr/v1/common_pb";

const STEP = 50;
let shown = STEP;

export function listView(entries: Entry[], again: () => void): HTMLElement[] {
  if (entries.length === 0) return [heading("Inbox"), own("p", { class: "quiet" }, "No messages yet.")];
  const list = element("ul", { class: "messages", "aria-labelledby": "title" }, ...entries.slice(0, shown).map(item));
  if (entries.length <= shown) return [heading("Inbox"), list];
  const more = own("button", { type: "button", id: "more" }, `Show ${Math.min(STEP, entries.length - shown)} more`);
  more.addEventListener("click", () => {
    const first = shown;
    shown += STEP;
    again();
    document.querySelectorAll<HTMLElement>(".messages a")[first]?.focus();
  });
  return [heading("Inbox"), list, more];
}

function item(entry: Entry): HTMLElement {
  const link = element(
    "a",
    { href: `#/message/${entry.id}`, id: `entry-${entry.id}` },
    element("span", { class: "subject" }, entry.title),
    element("span", { class: "from quiet" }, entry.sender ? `${entry.sender}, ` : "", time(entry.receivedAt)),
    element("span", { class: "summary" }, entry.summary),
    element("span", { class: "marks" }, ...marks(entry).map((mark) => own("span", { class: "mark" }, mark))),
  );
  return element("li", { class: entry.isRead ? "message" : "message unread" }, link);
}

/** What the reason is told for where the message is open. */
export const REFUSED = "Could not be acknowledged";

export function marks(entry: Entry): string[] {
  return [
    entry.isRead ? "" : "Unread",
    entry.isCritical ? "Important" : "",
    isAcknowledged(entry) ? "Acknowledged" : "",
    entry.isWaiting ? "Acknowledged here, not sent yet" : "",
    entry.refusal ? REFUSED : "",
    isOpen(entry) ? "To acknowledge" : "",
    entry.status === DeliveryStatus.MISSED ? "Missed" : "",
  ].filter(Boolean);
}
