// Telling the server what was seen of a visit. It waits in the outbox until the server has it.

import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { heatmaps, isKeptAlive, rest } from "./api";
import { isUnagreed } from "./consents";
import { isFinal } from "./faults";
import type { Chunk, Outbox, Row, Seen, Touches } from "./outbox";
import { alone } from "./syncing";

// What the server answers to a chunk that it will never take: not agreed to, too much, another's, no chunk.
const REFUSED = new Set([400, 403, 404, 409, 413, 415]);
const CONFLICT = 409;
const NO_CONSENT = "no_consent";

// The server takes one of the same at a time.
let toldAtOnce: Promise<unknown> = Promise.resolve();

type Answer = "taken" | "refused" | "unagreed";

export interface Heard {
  /** The server takes no more of this recording. */
  refused(recording: string): void;
  /** It takes nothing of this kind, for it knows of no consent. */
  unagreed(kind: Row["kind"]): Promise<void>;
}

/**
 * Send what waits and is still meant to be sent, in order; tabs take turns. Throws when it is to be tried again later.
 */
export async function tell(outbox: Outbox, isMeant: (row: Row) => boolean, heard: Heard): Promise<void> {
  const refused = new Set<string>();
  await alone("inbox.seen", async () => {
    await outbox.tidy();
    const rows = await outbox.rows();
    // Now that it is known what waits: what is told at once from here on is none of it.
    await toldAtOnce;
    for (const row of rows) {
      if (!isMeant(row) || (row.kind === "chunk" && refused.has(row.recording))) continue;
      const answer = await (row.kind === "touches" ? tellTouches(row) : tellChunk(row));
      if (row.kind === "chunk" && answer !== "taken") refused.add(row.recording);
      if (row.kind === "chunk" && answer === "refused") heard.refused(row.recording);
      if (answer === "unagreed") await heard.unagreed(row.kind);
      // What was added meanwhile, too.
      await outbox.drop((one) => one.key === row.key || (one.kind === "chunk" && refused.has(one.recording)));
    }
  });
}

/** As far as it can be without waiting for anything, for the page may be about to end; what is told twice counts once. */
export function tellAtOnce(seen: Seen): void {
  const told = seen.kind === "touches" ? tellTouches(seen) : isKeptAlive(seen.events.length) ? post(seen) : null;
  toldAtOnce = Promise.allSettled([toldAtOnce, told]);
}

/** Of those which the server refuses for good it is not told again. */
async function tellTouches({ batch, touches }: Touches): Promise<Answer> {
  const events = touches.map(({ screen, x, y, type, width, height, at }) => ({
    screenName: screen,
    xPct: x,
    yPct: y,
    eventType: type,
    screenWidth: width,
    screenHeight: height,
    clientTimestamp: timestampFromMs(at),
  }));
  try {
    await heatmaps.ingestTouchEvents({ events }, { headers: { "Idempotency-Key": batch } });
    return "taken";
  } catch (error) {
    if (!isFinal(error)) throw error;
    return isUnagreed(error) ? "unagreed" : "refused";
  }
}

async function tellChunk(chunk: Chunk): Promise<Answer> {
  const response = await post(chunk, await gzipped(textOf(chunk)));
  const { ok, status } = response;
  if (ok) return "taken";
  if (!REFUSED.has(status)) throw new Error(`A chunk was answered with ${status}.`);
  if (status !== CONFLICT) return "refused";
  const { code } = (await response.json().catch(() => ({}))) as { code?: string };
  return code === NO_CONSENT ? "unagreed" : "refused";
}

function post(chunk: Chunk, compressed?: ArrayBuffer): Promise<Response> {
  const headers = { "Content-Type": "application/json", ...(compressed && { "Content-Encoding": "gzip" }) };
  const body = compressed ?? textOf(chunk);
  const keepalive = isKeptAlive(compressed?.byteLength ?? chunk.events.length);
  return rest(`recordings/${chunk.recording}/chunks`, { method: "POST", headers, body, keepalive });
}

const textOf = ({ number, events }: Chunk): string => `{"number":${number},"events":${events}}`;

function gzipped(text: string): Promise<ArrayBuffer> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}
