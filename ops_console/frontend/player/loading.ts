// The events of a recording, as the server streams them: a line of JSON each.

import { CUSTOM, FULL_SNAPSHOT, type Recorded, scrub } from "./scrubbing";

export interface Loaded {
  events: Recorded[];
  /** Why there are no more; empty where they are all there. */
  broken: string;
}

export interface Progress {
  nEvents: number;
  nBytes: number;
  /** From the earliest event to the latest. */
  spanMs: number;
}

/** Its message is for the reader. */
export class Fault extends Error {}

const UNANSWERED = "The server did not answer. Try again in a moment.";
const SHOWN = "What had come until then is shown.";
const BROKEN_OFF = `The connection broke off. ${SHOWN}`;

export async function load(url: string, tell: (progress: Progress) => void): Promise<Loaded> {
  const body = await ask(url);
  const progress: Progress = { nEvents: 0, nBytes: 0, spanMs: 0 };
  const events: Recorded[] = [];
  let [first, last] = [Infinity, -Infinity];
  let broken = "";
  const take = (line: string): void => {
    const event = read(line);
    if (!event) return;
    events.push(event);
    progress.nEvents = events.length;
    [first, last] = [Math.min(first, event.timestamp), Math.max(last, event.timestamp)];
    progress.spanMs = last - first;
  };
  const count = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      progress.nBytes += piece.length;
      controller.enqueue(piece);
    },
  });
  try {
    await eachLine(body.pipeThrough(count), take, () => tell(progress));
  } catch {
    broken = BROKEN_OFF;
  }
  if (isBrokenOff(events.at(-1))) broken = `${events.pop()?.data.payload?.reason} ${SHOWN}`;
  if (!isPlayable(events)) throw new Fault(broken.replace(SHOWN, "") || "There is nothing in it that could be played.");
  return { events, broken };
}

async function ask(url: string): Promise<ReadableStream<Uint8Array>> {
  let response: Response;
  try {
    response = await fetch(url, { headers: { Accept: "application/x-ndjson, application/problem+json" } });
  } catch {
    throw new Fault(UNANSWERED);
  }
  if (!response.ok || !response.body) throw new Fault(await refusal(response));
  return response.body;
}

async function refusal(response: Response): Promise<string> {
  if (response.status === 401) return "You are not signed in any more. Sign in again, then come back.";
  try {
    const { title, detail } = await response.json();
    return String(detail || title);
  } catch {
    return UNANSWERED;
  }
}

async function eachLine(body: ReadableStream<Uint8Array>, take: (line: string) => void, pause: () => void) {
  const reader = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  let begun = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const lines = (begun + value).split("\n");
    begun = lines.pop() ?? "";
    lines.forEach(take);
    pause();
  }
  take(begun);
  pause();
}

/** The event, or null where the line holds none that may be played. */
function read(line: string): Recorded | null {
  if (!line.trim()) return null;
  try {
    const event: unknown = JSON.parse(line);
    return scrub(event) ? event : null;
  } catch {
    return null;
  }
}

const isPlayable = (events: Recorded[]): boolean =>
  events.length > 1 && events.some((event) => event.type === FULL_SNAPSHOT);

/** What stands for events that could not be read: the answer had begun, and could not fail any more. */
const isBrokenOff = (event?: Recorded): boolean => event?.type === CUSTOM && event.data.tag === "broken_off";

/** Milliseconds from the earliest to the latest. */
export function lengthOf(events: Recorded[]): number {
  const [first, last] = events.reduce(
    ([first, last], { timestamp }) => [Math.min(first, timestamp), Math.max(last, timestamp)] as const,
    [Infinity, -Infinity] as const,
  );
  return last - first;
}
