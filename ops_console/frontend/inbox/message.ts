// One message: what it says, and what can be done about it.

import { button, byId, element, heading, own, renew, time } from "./elements";
import { marks, REFUSED } from "./list";
import { isOpen, type Entry } from "./keeping";
import { render } from "./markup";
import { ACTION } from "./touches";

export type Act = (entry: Entry, actionId: string) => Promise<void>;

export function messageView(entry: Entry, body: string, act: Act): HTMLElement[] {
  const text = element("div", { class: "body" });
  text.append(render(body));
  const from = element("p", { class: "quiet" }, entry.sender ? `${entry.sender}, ` : "", time(entry.receivedAt));
  const article = element("article", { "aria-labelledby": "title" }, element("h1", { id: "title", tabindex: "-1" }, entry.title), from, text, element("footer", { id: "footer" }, ...footer(entry, act)));
  return [back(), article];
}

export const missingView = (): HTMLElement[] => [
  back(),
  heading("Message"),
  own("p", {}, "This browser has no such message. It may be another organization's, or you may be offline."),
];

/** Put what can be done in the place of what could be done before. */
export function refreshFooter(entry: Entry, act: Act): void {
  const shown = document.getElementById("footer");
  const hadFocus = shown?.contains(document.activeElement);
  if (shown) renew(shown, footer(entry, act));
  // The control is gone.
  if (hadFocus && !shown?.contains(document.activeElement)) byId("standing").focus();
}

function footer(entry: Entry, act: Act): HTMLElement[] {
  const said = marks(entry).filter((mark) => mark !== "Unread" && mark !== REFUSED);
  const standing = said.map((mark) => own("span", { class: "mark" }, mark));
  return [
    element("p", { id: "standing", class: "marks", tabindex: "-1" }, ...standing),
    ...(entry.refusal ? [element("p", { class: "problem" }, `It could not be acknowledged: ${entry.refusal}`)] : []),
    ...(isOpen(entry) ? entry.actions.map((action) => control(entry, action, act)) : []),
  ];
}

function control(entry: Entry, { id, label }: Entry["actions"][number], act: Act): HTMLElement {
  const attributes = { id: `act-${id}`, class: "primary", [ACTION]: "" };
  return button(label ? element("span", {}, label) : "Acknowledge", () => act(entry, id), attributes);
}

const back = (): HTMLElement => element("p", {}, own("a", { href: "#/" }, "Back to the inbox"));
