// The page's elements, and what it was told by the server.

/** Of the recording. */
export interface Told {
  url: string;
  lengthMs: number;
  /** Names of campaigns by their ids, as far as they are known. */
  campaigns: Record<string, string>;
}

export function byId<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${id}.`);
  return found;
}

export const told = (): Told => JSON.parse(byId("recording-data", HTMLScriptElement).textContent ?? "");

/** 75000 as 1:15. */
export function clock(ms: number): string {
  const seconds = Math.floor(Math.max(0, ms) / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const parts = hours ? [hours, String(minutes).padStart(2, "0")] : [minutes];
  return [...parts, String(seconds % 60).padStart(2, "0")].join(":");
}

export function size(nBytes: number): string {
  return nBytes < 1e6 ? `${Math.ceil(nBytes / 1000)} kB` : `${(nBytes / 1e6).toFixed(1)} MB`;
}
