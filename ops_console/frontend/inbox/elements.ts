// Making and finding elements.

import { reason } from "./faults";

type Child = Node | string | null;
/** The attribute of elements whose text is the page's own. */
export const OWN = "data-own";

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** One that says, by itself and not within others, the page's own words, which recordings show (see masking.ts). */
export function own<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  return element(tag, { ...attributes, [OWN]: "" }, ...children);
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no ${id}.`);
  return found;
}

/** Put other content in an element, unless it is the same: a press or a reading that goes on is not disturbed. */
export function renew(parent: Element, content: Element[]): void {
  const isSame = (made: Element, number: number) => made.isEqualNode(parent.children[number] ?? null);
  if (parent.children.length === content.length && content.every(isSame)) return;
  const focused = parent.contains(document.activeElement) ? document.activeElement?.id : "";
  parent.replaceChildren(...content);
  if (focused) document.getElementById(focused)?.focus();
}

/** A button that does one thing at a time, and tells what went wrong. Others' words as its label are an element. */
export function button(
  label: string | Element,
  act: () => Promise<void>,
  attributes: Record<string, string> = {},
): HTMLElement {
  const made = own("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", () => void attempt(act, made));
  return made;
}

/** Do it once at a time, and tell what went wrong. */
export async function attempt(act: () => Promise<void>, control?: HTMLButtonElement): Promise<void> {
  say({});
  if (control) control.disabled = true;
  try {
    await act();
  } catch (error) {
    say({ problem: reason(error) });
  } finally {
    if (control) control.disabled = false;
  }
}

export function say({ note = "", problem = "" }): void {
  byId("note").textContent = note;
  byId("problem").textContent = problem;
  byId("problem").hidden = !problem;
}

export const heading = (text: string): HTMLElement => own("h1", { id: "title", tabindex: "-1" }, text);

export function time(ms: number): HTMLElement {
  const at = new Date(ms);
  const shown = at.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  return element("time", { datetime: at.toISOString() }, shown);
}
