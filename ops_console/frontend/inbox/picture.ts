// A picture of the whole page, as a browser draws an SVG image: out of a copy of its elements and its stylesheet.

import { hiddenCopy } from "./masking";

const MOST_BYTES = 512 * 1024;
const MOST_PIXELS = 8_000_000;
const NAMESPACE = "http://www.w3.org/2000/svg";

/** As PNG, smaller where it would be too large; null where this browser cannot draw it. Always light. */
export async function picture(isMasked: boolean): Promise<Uint8Array | null> {
  const { scrollWidth: width, scrollHeight: height } = document.documentElement;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(drawing(isMasked, width, height))}`;
  await image.decode();
  let scale = Math.min(1, Math.sqrt(MOST_PIXELS / (width * height)));
  for (let tries = 0; tries < 4; tries++, scale /= 2) {
    const png = await drawn(image, Math.ceil(width * scale), Math.ceil(height * scale));
    if (png && png.size <= MOST_BYTES) return new Uint8Array(await png.arrayBuffer());
  }
  return null;
}

function drawing(isMasked: boolean, width: number, height: number): string {
  const svg = document.createElementNS(NAMESPACE, "svg");
  for (const [name, value] of Object.entries({ width, height })) svg.setAttribute(name, String(value));
  // For the stylesheet this is the root.
  svg.dataset.theme = "light";
  const page = document.createElementNS(NAMESPACE, "foreignObject");
  page.setAttribute("width", "100%");
  page.setAttribute("height", "100%");
  page.append(isMasked ? hiddenCopy() : document.body.cloneNode(true));
  svg.append(page);
  // Put in as text: an element of styles would be against the page's policy.
  return new XMLSerializer().serializeToString(svg).replace(">", `><style>${styles()}</style>`);
}

function styles(): string {
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText);
  const text = [...rules, "body { min-height: 100vh; }"].join("\n");
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function drawn(image: HTMLImageElement, width: number, height: number): Promise<Blob | null> {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d")?.drawImage(image, 0, 0, width, height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
