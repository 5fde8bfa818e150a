// Asking the reader what may be told of visits: once, beside the content, and in the settings at any time.

import { choose, consents, consentsChanged, isRecordable, type Choice, type Consents } from "./consents";
import { attempt, button, byId, element, own, say } from "./elements";
import { visitBegan } from "./visits";

type Kind = keyof Choice;

const LABELS = { touches: "Where I touch the screen", recording: "Recordings of my visits" };
const MASKED = "All text but this page's own, such as messages and names, is replaced by asterisks before it is sent.";
const PLAIN = "Your organization has chosen that text can be read in it, messages and names included.";

function explained(kind: Kind, { isTextMasked }: Consents): string {
  const text = isTextMasked ? MASKED : PLAIN;
  return kind === "touches"
    ? "The places where you tap, click and scroll, and a picture of the screen. " +
        `${text} Those who look after campaigns in your organization see how often each place was touched, ` +
        "and may look at one person's touches, which is noted."
    : "What the screen shows and how you move on it, to be played like a film. " +
        `${text} Those who look after campaigns in your organization may play it, which is noted.`;
}

/** What the reader can be asked for. */
const offered = (of: Consents): Kind[] => (isRecordable(of) ? ["touches", "recording"] : ["touches"]);

// --- The question --------------------------------------------------------------------------------------------------

visitBegan.listen(() => consentsChanged.listen(ask));

/** Ask for what was never asked for; it is in nobody's way, and is read out because it comes into a live region. */
function ask(now: Consents): void {
  const kinds = offered(now).filter((kind) => now[kind] === null);
  const place = byId("question");
  if (place.dataset.kinds === kinds.join()) return;
  place.dataset.kinds = kinds.join();
  place.replaceChildren(...(kinds.length ? [question(kinds, now)] : []));
}

function question(kinds: Kind[], now: Consents): HTMLElement {
  const choices = kinds.map((kind) => choice(kind, now, "asked"));
  const isTicked = (kind: Kind) => byId(`asked-${kind}`).matches(":checked");
  const form = element(
    "form",
    {},
    own("h2", { id: "asked" }, "May this page tell how it is used?"),
    own("p", {}, "It helps your organization to see what is easy to find here, and what is not."),
    ...choices,
    own("p", {}, "Nothing is sent unless you allow it, and you can change it at any time under Settings."),
    own("button", { type: "submit", class: "primary" }, "Allow what is ticked"),
    button("Allow nothing", () => answer(Object.fromEntries(kinds.map((kind) => [kind, false])))),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void answer(Object.fromEntries(kinds.map((kind) => [kind, isTicked(kind)])));
  });
  return element("section", { "aria-labelledby": "asked" }, form);
}

function answer(given: Choice): Promise<void> {
  return attempt(async () => {
    await choose(given);
    byId("title").focus();
    say({ note: Object.values(given).some(Boolean) ? "Thank you. Your choice is kept." : "Nothing is sent." });
  });
}

// --- The settings --------------------------------------------------------------------------------------------------

/** What may be told, to be changed at once. */
export function consentsView(): HTMLElement {
  const legend = own("legend", {}, "What this page tells of your visits");
  const now = consents();
  const content = now
    ? offered(now).map((kind) => choice(kind, now, "told", (input) => void change(kind, input)))
    : [own("p", { class: "quiet" }, "Nothing, as long as the server does not answer.")];
  return element("fieldset", { id: "told" }, legend, ...content);
}

// By the server's answer, or in another tab.
consentsChanged.listen((now) => {
  const shown = document.querySelectorAll<HTMLInputElement>("#told input");
  for (const input of shown) input.checked = now[input.name as Kind] === true;
  if (!shown.length) document.getElementById("told")?.replaceWith(consentsView());
});

function change(kind: Kind, input: HTMLInputElement): Promise<void> {
  const agreed = input.checked;
  return attempt(async () => {
    try {
      await choose({ [kind]: agreed });
      say({ note: `${LABELS[kind]}: ${agreed ? "allowed" : "not sent any more"}.` });
    } finally {
      input.checked = consents()?.[kind] === true;
    }
  });
}

function choice(kind: Kind, now: Consents, where: string, changed = (_: HTMLInputElement) => {}): HTMLElement {
  const id = `${where}-${kind}`;
  const input = element("input", { type: "checkbox", name: kind, id, "aria-describedby": `${id}-means` });
  input.checked = now[kind] === true;
  input.addEventListener("change", () => changed(input));
  const label = own("label", { class: "choice", for: id }, input, LABELS[kind]);
  return element("div", {}, label, own("p", { id: `${id}-means`, class: "quiet means" }, explained(kind, now)));
}
