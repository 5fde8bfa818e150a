// One message: what it says, and what can be done about it.

import { button, element, heading, own, time } from "./elements";
import { marks } from "./list";
import { isOpen, type Entry } from "./keeping";
import { render } from "./markup";
import { ACTION } from "./touches";

export type Act = (entry: Entry, actionId: string) => Promise<void>;

export function messageView(entry: Entry, body: string, act: Act): HTMLElement[] {
  const text = element("div", { class: "body" });
  text.append(render(body));
  const from = element("p", { class: "quiet" }, entry.sender ? `${entry.sender}, ` : "", time(entry.receivedAt));
  const article = element("article", { "aria-labelledby": "title" }, element("h1", { id: "title", tabindex: "-1" }, entry.title), from, text, footer(entry, act));
  return [back(), article];
}

export const missingView = (): HTMLElement[] => [
  back(),
  heading("Message"),
  own("p", {}, "This browser has no such message. It may be another organization's, or you may be offline."),
];

/** Put what can be done in the place of what could be done before. */
export function refreshFooter(entry: Entry, act: Act): void {
  document.getElementById("footer")?.replaceWith(footer(entry, act));
}

function footer(entry: Entry, act: Act): HTMLElement {
  const said = marks(entry).filter((mark) => mark !== "Unread");
  return element(
    "footer",
    { id: "footer" },
    element("p", { id: "standing", class: "marks", tabindex: "-1" }, ...said.map((mark) => own("span", { class: "mark" }, mark))),
    entry.refusal ? element("p", { class: "problem" }, `It could not be acknowledged: ${entry.refusal}`) : null,
    ...(isOpen(entry) ? entry.actions : []).map(({ id, label }) =>
      button(label ? element("span", {}, label) : "Acknowledge", () => act(entry, id), { class: "primary", [ACTION]: "" }),
    ),
  );
}

const back = (): HTMLElement => element("p", {}, own("a", { href: "#/" }, "Back to the inbox"));
