// Pictures of screens for heatmaps: one of each screen and version of the page from each member and browser, in idle moments.

import { ConnectError } from "@connectrpc/connect";
import { heatmaps } from "./api";
import { fetchConsents, isUnagreed } from "./consents";
import { isFinal } from "./faults";
import { picture } from "./picture";
import { current, screenShown } from "./screens";
import { visitBegan, visitEnded } from "./visits";

/** A digest of what this page is built of, which the build puts in. */
declare const VERSION: string;

interface Done {
  version: string;
  memberId: string;
  names: string[];
}

const DONE = "inbox.pictured";
const MOST_REMEMBERED = 500;
// Until what is shown has come and the reader has begun to read.
const SETTLED_MS = 2000;

let memberId = "";
visitBegan.listen((who) => (memberId = who.memberId));
visitEnded.listen((how) => {
  if (how === "signed out") localStorage.removeItem(DONE);
});

/** Tell of the screens that are shown from now on; returns how to end it. */
export function picturing(isMasked: boolean): () => void {
  let timer = 0;
  const later = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => whenIdle(() => void tell(isMasked, () => timer !== 0)), SETTLED_MS);
  };
  const listenNoMore = screenShown.listen(later);
  later();
  return () => {
    listenNoMore();
    clearTimeout(timer);
    timer = 0;
  };
}

/** Safari has no such moments. */
const whenIdle = (act: () => void): void => void ("requestIdleCallback" in window ? requestIdleCallback(act) : act());

async function tell(isMasked: boolean, isWanted: () => boolean): Promise<void> {
  const screen = current();
  if (!screen || document.hidden || !isWanted() || done().includes(screen.name)) return;
  try {
    const imageData = await picture(isMasked);
    if (!isWanted()) return;
    if (imageData) await heatmaps.uploadScreenshot({ screenName: screen.name, appVersion: VERSION, imageData });
    remember(screen.name);
  } catch (error) {
    if (isUnagreed(error)) await fetchConsents().catch(() => {});
    // The others are tried when the screen is shown again, or is told of again.
    if (!isWanted()) return;
    if (isFinal(error) || !(error instanceof ConnectError)) remember(screen.name);
  }
}

/** Names of screens, of this version and member alone: another may be of another organization. */
function done(): string[] {
  const kept = JSON.parse(localStorage.getItem(DONE) ?? "null") as Done | null;
  return kept?.version === VERSION && kept.memberId === memberId ? kept.names : [];
}

function remember(name: string): void {
  const names = [...done(), name].slice(-MOST_REMEMBERED);
  localStorage.setItem(DONE, JSON.stringify({ version: VERSION, memberId, names } satisfies Done));
}
