// What was recorded is a stranger's: it must run nothing here, ask for nothing, and lead nowhere. The frame it is shown
// in holds that by its sandbox and its policy (stage.ts). This takes out beforehand what they would refuse, what they do
// not cover (look-ups of names, say), and what would catch the keyboard.

/** An event of rrweb, as far as we look into it. */
export interface Recorded {
  type: number;
  timestamp: number;
  data: Json;
}

type Json = any;

export const FULL_SNAPSHOT = 2;
export const INCREMENTAL = 3;
export const META = 4;
export const CUSTOM = 5;

// rrweb's IncrementalSource, those that are replayed. Canvases, fonts, logs and custom elements are not.
const MUTATION = 0;
const STYLES = new Set([8, 13, 15]);
const HARMLESS = new Set([1, 2, 3, 4, 5, 6, 7, 12, 14]);

const ELEMENT = 2;
const GREATEST_SIDE = 10_000;
// Attributes that hold an address, or make something happen.
const TAKEN_OUT = new Set(
  [
    ["src", "srcset", "imagesrcset", "href", "xlink:href", "poster", "background", "data", "srcdoc", "codebase"],
    ["action", "formaction", "ping", "cite", "longdesc", "manifest", "archive", "classid", "profile"],
    ["http-equiv", "target", "autofocus", "autoplay", "tabindex", "accesskey", "contenteditable"],
    // A dialog over all others, which has the keyboard to itself.
    ["rr_open_mode"],
  ].flat(),
);
const PICTURES = new Set(["src", "href", "xlink:href", "poster", "rr_dataURL"]);
const LINKS = new Set(["a", "area"]);
const FOCUSABLE = new Set(["a", "area", "button", "input", "select", "textarea", "summary", "audio", "video", "iframe"]);

/** Whether it may be played; what is in it is made harmless. */
export function scrub(event: Json): event is Recorded {
  if (!isObject(event) || !Number.isFinite(event.timestamp)) return false;
  const { type, data } = event;
  // Of the page's life: no data.
  if (type === 0 || type === 1) return true;
  if (!isObject(data)) return false;
  if (type === CUSTOM) return typeof data.tag === "string";
  if (type === META) return isSized(data);
  if (type === FULL_SNAPSHOT) return scrubNode(data.node);
  return type === INCREMENTAL && scrubChange(data);
}

const isObject = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

function isSized(data: Json): boolean {
  return [data.width, data.height].every((side) => Number.isFinite(side) && side >= 1 && side <= GREATEST_SIDE);
}

function scrubChange(data: Json): boolean {
  if (STYLES.has(data.source)) {
    eachString(data, withoutAddresses);
    return true;
  }
  if (data.source !== MUTATION) return HARMLESS.has(data.source);
  if (!Array.isArray(data.adds) || !Array.isArray(data.attributes)) return false;
  data.adds = data.adds.filter((added: Json) => isObject(added) && scrubNode(added.node));
  data.attributes = data.attributes.filter((changed: Json) => isObject(changed) && isObject(changed.attributes));
  for (const changed of data.attributes) scrubAttributes(changed.attributes);
  return true;
}

/** Whether it is a node; what is below it is made harmless. */
function scrubNode(node: Json): boolean {
  if (!isObject(node)) return false;
  if (node.type === ELEMENT) {
    if (typeof node.tagName !== "string" || !isObject(node.attributes)) return false;
    const tag = node.tagName.toLowerCase();
    const isLink = LINKS.has(tag) && "href" in node.attributes;
    scrubAttributes(node.attributes);
    // It looks like a link still.
    if (isLink) node.attributes.href = "#";
    if (FOCUSABLE.has(tag)) node.attributes.tabindex = "-1";
    if (tag === "style") eachString(node.childNodes, withoutAddresses);
  } else if (node.isStyle && typeof node.textContent === "string") {
    node.textContent = withoutAddresses(node.textContent);
  }
  if (node.childNodes !== undefined) {
    if (!Array.isArray(node.childNodes)) return false;
    node.childNodes = node.childNodes.filter(scrubNode);
  }
  return true;
}

function scrubAttributes(attributes: Json): void {
  for (const [name, value] of Object.entries<Json>(attributes)) {
    const known = name === "rr_dataURL" ? name : name.toLowerCase();
    const isPicture = PICTURES.has(known) && typeof value === "string" && value.startsWith("data:image/");
    if (!isPicture && (TAKEN_OUT.has(known) || known === "rr_dataURL" || known.startsWith("on"))) {
      delete attributes[name];
    } else if (typeof value === "string" && !isPicture) {
      attributes[name] = withoutAddresses(value);
    } else if (isObject(value)) {
      eachString(value, withoutAddresses);
    }
  }
}

/** CSS that asks for nothing, as far as it is written plainly. Bounded, so that no text takes long to look through. */
function withoutAddresses(css: string): string {
  return css
    .replace(/@import[^;]{0,2000};?/gi, "")
    .replace(/url\(\s{0,20}(?!\s|['"]?(?:data:image\/|#))[^)]{0,2000}\)/gi, "none");
}

function eachString(within: Json, change: (text: string) => string): void {
  if (typeof within !== "object" || within === null) return;
  for (const [name, value] of Object.entries<Json>(within)) {
    if (typeof value === "string") within[name] = change(value);
    else eachString(value, change);
  }
}
