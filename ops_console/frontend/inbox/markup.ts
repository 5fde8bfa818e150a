// A message's body as nodes of this page: Markdown as the server reads it, and both it and HTML sanitized here once more.

import DOMPurify from "dompurify";
import MarkdownIt from "markdown-it";
import { element } from "./elements";

// The wire does not say which of the two a body is; one of HTML begins with a tag, and its tags are Markdown's as well.
const BEGINS_WITH_TAG = /^\s*<[a-z][a-z0-9]*[\s/>]/i;
const TAGS = [
  ...["a", "abbr", "article", "aside", "b", "bdi", "bdo", "blockquote", "br", "caption", "center", "cite", "code"],
  ...["col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "footer"],
  ...["h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre"],
  ...["q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span", "strike", "strong", "sub", "summary", "sup"],
  ...["table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul", "var", "wbr"],
];
const TAG = /<[a-z](?:[^<>"']|"[^"]*"|'[^']*')*>/gi;
const INLINE = /("[^"]*"|'[^']*')|[\s/](?:style|on[a-z]+)(?=\s*=)/gi;
// Neither style nor class: a message looks as the theme does.
const ATTRIBUTES = ["href", "src", "alt", "title", "dir", "lang", "colspan", "rowspan", "scope", "start", "datetime"];
const ADDRESSES = /^(?:https?:|mailto:|tel:|data:image\/(?:png|jpeg|gif|webp);|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i;
const SANITIZING = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ATTRIBUTES,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: ADDRESSES,
  RETURN_DOM_FRAGMENT: true,
} as const;

const reader = new MarkdownIt("commonmark").enable(["table", "strikethrough"]);

export function render(body: string): DocumentFragment {
  const html = BEGINS_WITH_TAG.test(body) ? body : reader.render(body);
  const made = DOMPurify.sanitize(withoutInline(html), SANITIZING);
  for (const link of made.querySelectorAll("a[href]")) open(link);
  for (const image of made.querySelectorAll("img")) show(image);
  lower([...made.querySelectorAll("h1, h2, h3, h4, h5, h6")]);
  made.querySelectorAll("table").forEach((table, index) => scrolled(table, `Table ${index + 1}`));
  made.querySelectorAll("pre").forEach((code, index) => scrolled(code, `Code ${index + 1}`));
  return made;
}

/**
 * Without style and handlers. The sanitizer takes them away, but it parses them first, and the page's policy complains
 * of that: here their names alone are changed, within tags and outside of quotes.
 */
const withoutInline = (html: string): string =>
  html.replace(TAG, (tag) => tag.replace(INLINE, (_, quoted?: string) => quoted ?? " dropped"));

/** Elsewhere, and without telling where from. */
function open(link: Element): void {
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer");
}

/** Those that come along are shown; others would tell somebody when the message is read, so they are links. */
function show(image: HTMLImageElement): void {
  const address = image.getAttribute("src") ?? "";
  if (address.startsWith("data:")) {
    if (!image.hasAttribute("alt")) image.alt = "";
    return;
  }
  const text = `Image: ${image.alt || "without a description"}`;
  const link = element("a", { href: address }, text);
  open(link);
  image.replaceWith(image.closest("a") ? text : link);
}

/** Below the page's first heading, which is the message's title, without leaving a level out. */
function lower(headings: Element[]): void {
  const above: string[] = [];
  for (const heading of headings) {
    while (above.length && above[above.length - 1]! >= heading.tagName) above.pop();
    above.push(heading.tagName);
    const lowered = element(`h${Math.min(above.length + 1, 6) as 2}`);
    lowered.append(...heading.childNodes);
    heading.replaceWith(lowered);
  }
}

/** What is wider than the page scrolls by itself, by keyboard too. */
function scrolled(wide: Element, name: string): void {
  const frame = element("div", { class: "wide", role: "region", "aria-label": name, tabindex: "0" });
  wide.replaceWith(frame);
  frame.append(wide);
}
