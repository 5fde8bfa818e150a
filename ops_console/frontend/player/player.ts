// The page of a recording: fetches its events when it is asked to, and plays them.

import * as controls from "./controls";
import { Fault, type Progress, lengthOf, load } from "./loading";
import { byId, clock, size, told } from "./page";
import * as screens from "./screens";
import { CUSTOM, type Recorded } from "./scrubbing";
import { isStill, raise } from "./stage";

const UNPLAYABLE = "The recording could not be played: what is in it is not as it should be.";
const LOST = "Something in it could not be read: what follows may look otherwise than it did.";

const LEAST_MISSING_MS = 5000;

const recording = told();
const begin = byId("player-load", HTMLButtonElement);
const loading = byId("player-loading", HTMLElement);
const problem = byId("player-problem", HTMLElement);

begin.addEventListener("click", () => void show());
// Of rrweb's player, which builds what was recorded a moment later.
addEventListener("error", ({ filename }) => filename === import.meta.url && complain(UNPLAYABLE));

async function show(): Promise<void> {
  begin.disabled = true;
  problem.hidden = true;
  loading.hidden = false;
  try {
    const { events, broken } = await load(recording.url, tell);
    complain([broken, events.some(isLost) ? LOST : "", shorter(events)].join(" ").trim());
    play(events);
    byId("player-begin", HTMLElement).hidden = true;
  } catch (error) {
    if (!(error instanceof Fault)) console.debug(error);
    complain(error instanceof Fault ? error.message : UNPLAYABLE);
    byId("player", HTMLElement).hidden = true;
  } finally {
    begin.disabled = false;
    loading.hidden = true;
  }
}

function play(events: Recorded[]): void {
  const player = byId("player", HTMLElement);
  player.hidden = false;
  const on = byId("player-stage", HTMLElement);
  on.replaceChildren();
  const stage = raise(on, events);
  controls.connect(stage);
  screens.list(screens.visited(events, recording.campaigns), (ms) => stage.goto(ms));
  stage.goto(screens.wanted(), !isStill());
  player.focus();
}

/** What stands for an event that could not be unpacked. */
const isLost = ({ type, data }: Recorded): boolean => type === CUSTOM && data.tag === "lost";

/** A remark where what came ends before the visit did. */
function shorter(events: Recorded[]): string {
  const missing = recording.lengthMs - lengthOf(events);
  const isMuch = missing > Math.max(LEAST_MISSING_MS, recording.lengthMs / 20);
  return isMuch ? `It ends ${clock(missing)} before the visit did.` : "";
}

/** How far it has come: by the time that has arrived, for its size is not known beforehand. */
function tell({ nEvents, nBytes, spanMs }: Progress): void {
  byId("player-progress", HTMLProgressElement).value = Math.min(spanMs / Math.max(1, recording.lengthMs), 1);
  byId("player-loaded", HTMLElement).textContent = `${nEvents.toLocaleString("en")} events, ${size(nBytes)}`;
}

function complain(text: string): void {
  problem.textContent = text;
  problem.hidden = !text;
}
