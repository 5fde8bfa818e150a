// Whose words those on the screen are: the page's own are shown to whoever looks at a recording, all others are hidden.

import { element, OWN } from "./elements";

// Neither a message nor anybody's name can be in these.
const PLAIN = new Set([
  ...["_cssText", "aria-current", "aria-labelledby", "aria-live", "charset", "checked", "class", "content"],
  ...[OWN, "data-screen", "data-theme", "disabled", "for", "hidden", "id", "media", "name", "rel", "role", "type"],
]);
// Of these numbers are shown: how large something is, or where.
const NUMBERED = new Set(["colspan", "height", "rowspan", "start", "tabindex", "width"]);
const OF_RRWEB = "rr_";
// Of a screen of this page.
const ADDRESS = /^#\/(?:devices|settings|message\/[0-9a-f-]{36})?$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:px)?$/;

export const hide = (text: string): string => text.replace(/\S/gu, "*");

export const shownOf = (text: string, within: Element | null): string => (within?.hasAttribute(OWN) ? text : hide(text));

type Attributes = Record<string, unknown>;

/** What may be told of an element's attributes: no words, no addresses of elsewhere. */
export function hideAttributes(attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value !== "string" || PLAIN.has(name)) continue;
    if ((NUMBERED.has(name) || name.startsWith(OF_RRWEB)) && NUMBER.test(value)) continue;
    // rrweb makes addresses whole.
    const isScreen = name === "href" && ADDRESS.test(value.replace(location.origin + location.pathname, ""));
    if (!isScreen) attributes[name] = hide(value);
  }
}

/** A copy of the page's body in which all words but its own are hidden, and boxes stand for images. */
export function hiddenCopy(): HTMLElement {
  const copy = document.body.cloneNode(true) as HTMLElement;
  const images = [...document.body.querySelectorAll("img")];
  copy.querySelectorAll("img").forEach((image, index) => image.replaceWith(box(images[index]!)));
  const texts = document.createTreeWalker(copy, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode as Text;
    text.data = shownOf(text.data, text.parentElement);
  }
  return copy;
}

function box(image: HTMLImageElement): HTMLElement {
  const { width, height } = image.getBoundingClientRect();
  return element("canvas", { width: String(Math.round(width)), height: String(Math.round(height)) });
}
