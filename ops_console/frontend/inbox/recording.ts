// Recording what the screen shows and how the reader moves: rrweb's events, in chunks for the server.

import { newId } from "./ids";
import { hideAttributes, shownOf } from "./masking";
import type { Chunk } from "./outbox";
import { current, screenShown } from "./screens";

type Record = typeof import("./recorder").record;

/** As much of rrweb's events as is looked at here. */
interface Seen {
  type: number;
  timestamp: number;
  data: { source?: number; node?: Node; adds?: { node: Node }[]; attributes?: Element[] };
}
interface Element {
  attributes?: { [name: string]: unknown };
}
interface Node extends Element {
  childNodes?: Node[];
}

/** What goes on with a reload of the page; browsers keep it for a tab. */
interface Standing {
  memberId: string;
  id: string;
  /** Of the chunk that comes next. */
  number: number;
  /** When the reader last moved. */
  at: number;
  /** The server takes no more of it. */
  isRefused?: boolean;
}

/** A digest of what this page is built of, which the build puts in. */
declare const VERSION: string;
// Below the address of this script.
const RECORDER = `./recorder.js?${VERSION}`;
const KEPT = "inbox.recording";
const STILL_MS = 30 * 60_000;
// For the page before a reload to have ended.
const HOLD_MS = 3000;
// Before compression, which makes a tenth of it; one event may be longer.
const MOST_CHARACTERS = 250_000;
const INCREMENT = 3;
// Of increments: mouse moves, mouse interactions, scrolls, inputs, touch moves.
const MOVES = new Set([1, 2, 3, 5, 6]);
const SAMPLING = { mousemove: 100, scroll: 200, input: "last" } as const;

export class Recorder {
  private stop: (() => void) | undefined;
  private events: string[] = [];
  private length = 0;
  private release = () => {};
  private isEnded = false;

  private constructor(
    private readonly record: Record,
    private readonly isMasked: boolean,
    private readonly keep: (chunk: Chunk) => void,
    private standing: Standing,
  ) {}

  /** Begin, or go on where this tab has left off. */
  static async start(memberId: string, isMasked: boolean, keep: (chunk: Chunk) => void): Promise<Recorder> {
    const { record } = (await import(RECORDER)) as typeof import("./recorder");
    const left = JSON.parse(sessionStorage.getItem(KEPT) ?? "null") as Standing | null;
    const goesOn = left?.memberId === memberId && Date.now() - left.at < STILL_MS;
    const recorder = new Recorder(record, isMasked, keep, goesOn ? left : fresh(memberId));
    // Of one that is refused nothing is sent, whoever has it.
    if (!recorder.standing.isRefused && !(await recorder.hold())) recorder.standing = fresh(memberId);
    return recorder;
  }

  /** With a picture of the whole page, so that whatever came before may be missing. */
  begin(): void {
    if (this.isEnded || this.standing.isRefused || this.stop) return;
    this.stop = this.record({
      emit: (event) => this.take(event as Seen),
      maskAllInputs: true,
      maskTextSelector: this.isMasked ? "*" : undefined,
      maskTextFn: shownOf,
      blockSelector: this.isMasked ? "img" : undefined,
      slimDOMOptions: "all",
      sampling: SAMPLING,
    });
    this.tellScreen();
    const listenNoMore = screenShown.listen(() => this.tellScreen());
    const stop = this.stop;
    this.stop = () => {
      listenNoMore();
      stop?.();
    };
  }

  /** Take nothing more until it begins again. */
  pause(): void {
    this.stop?.();
    this.stop = undefined;
  }

  /** Hand on what there is so far. */
  cut(): void {
    if (!this.events.length) return;
    const { id: recording, number } = this.standing;
    const events = `[${this.events.join()}]`;
    this.standing.number += 1;
    this.save();
    this.forgetEvents();
    this.keep({ kind: "chunk", recording, number, events });
  }

  /** For good: what was not handed on is thrown away, and the next is another recording. */
  end(): void {
    this.isEnded = true;
    this.pause();
    this.release();
    this.forgetEvents();
    sessionStorage.removeItem(KEPT);
  }

  /** The server takes no more of this recording, if it is this. */
  refuse(recording: string): void {
    if (recording !== this.standing.id) return;
    this.pause();
    this.forgetEvents();
    this.standing.isRefused = true;
    this.save();
  }

  private take(event: Seen): void {
    // Movements are told of half a second later.
    if (this.isEnded || this.standing.isRefused) return;
    if (event.type === INCREMENT && MOVES.has(event.data.source ?? 0)) {
      if (event.timestamp - this.standing.at > STILL_MS) queueMicrotask(() => this.beginAnother());
      this.standing.at = event.timestamp;
    }
    if (this.isMasked) hideWords(event);
    const text = JSON.stringify(event);
    if (this.length + text.length > MOST_CHARACTERS) this.cut();
    this.events.push(text);
    this.length += text.length;
  }

  private beginAnother(): void {
    this.pause();
    this.cut();
    this.release();
    this.standing = fresh(this.standing.memberId);
    this.begin();
  }

  private tellScreen(): void {
    const name = current()?.name;
    if (name) this.record.addCustomEvent("screen", { name });
  }

  private forgetEvents(): void {
    this.events = [];
    this.length = 0;
  }

  private save(): void {
    sessionStorage.setItem(KEPT, JSON.stringify(this.standing));
  }

  /** Whether no other page records under this id: a tab that is duplicated takes along what was kept for it. */
  private hold(): Promise<boolean> {
    if (!navigator.locks) return Promise.resolve(true);
    const held = new Promise<void>((resolve) => (this.release = resolve));
    const signal = AbortSignal.timeout(HOLD_MS);
    return new Promise((resolve) => {
      const hold = () => {
        resolve(true);
        return held;
      };
      navigator.locks.request(`inbox.recording:${this.standing.id}`, { signal }, hold).catch(() => resolve(false));
    });
  }
}

const fresh = (memberId: string): Standing => ({ memberId, id: newId(), number: 0, at: Date.now() });

/** rrweb hides texts; attributes are left. */
function hideWords({ data }: Seen): void {
  if (data.node) hideNode(data.node);
  for (const { node } of data.adds ?? []) hideNode(node);
  for (const { attributes } of data.attributes ?? []) hideAttributes(attributes ?? {});
}

function hideNode({ attributes, childNodes }: Node): void {
  hideAttributes(attributes ?? {});
  childNodes?.forEach(hideNode);
}
