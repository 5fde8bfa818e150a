// Where the reader touches the screens: taps, long presses, scrolls, and clicks on what can be done about a message.

import { TouchEventType as Type } from "../gen/pidgr/v1/heatmap_pb";
import type { Touch } from "./outbox";
import { current, screenShown } from "./screens";

/** The attribute of controls that act on a message. */
export const ACTION = "data-action";

const LONG_MS = 500;
const STILL_PX = 10;
// From the reader's movement to a scroll that is his and not the page's own; and from the last of a scroll to its end.
const MOVED_MS = 300;
const SETTLED_MS = 150;
const KEYS = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "]);

type Taken = (touch: Touch) => void;
/** Pixels of the document. */
type Place = { x: number; y: number };

/** Tell of every touch from now on; returns how to end it. */
export function watch(taken: Taken): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const on = <Kind extends keyof DocumentEventMap>(kind: Kind, act: (event: DocumentEventMap[Kind]) => unknown) =>
    document.addEventListener(kind, act, { capture: true, passive: true, signal });
  const presses = new Presses(taken);
  const scrolls = new Scrolls(taken);
  on("pointerdown", (event) => {
    presses.down(event);
    scrolls.stopped();
  });
  on("pointermove", (event) => presses.move(event));
  on("pointerup", (event) => presses.up(event));
  on("pointercancel", () => presses.cancel());
  on("click", (event) => {
    const action = actionOf(event);
    // By the keyboard it has no place of its own.
    if (action) tell(taken, Type.ACTION_CLICK, event.detail ? placeOf(event) : middleOf(action));
  });
  on("wheel", () => scrolls.moved());
  on("touchmove", () => scrolls.moved());
  on("keydown", ({ key }) => KEYS.has(key) && scrolls.moved());
  on("scroll", () => scrolls.scrolled());
  // Going to another screen scrolls, too.
  const listenNoMore = screenShown.listen(() => scrolls.cancel());
  signal.addEventListener("abort", () => {
    listenNoMore();
    presses.cancel();
    scrolls.cancel();
  });
  return () => ending.abort();
}

class Presses {
  private at: Place | null = null;
  private since = 0;
  private timer = 0;

  constructor(private readonly taken: Taken) {}

  down(event: PointerEvent): void {
    this.cancel();
    if (!event.isPrimary || event.button !== 0 || actionOf(event)) return;
    this.at = placeOf(event);
    this.since = event.timeStamp;
    this.timer = window.setTimeout(() => this.tell(Type.LONG_PRESS), LONG_MS);
  }

  move(event: PointerEvent): void {
    const now = placeOf(event);
    if (this.at && Math.hypot(now.x - this.at.x, now.y - this.at.y) > STILL_PX) this.cancel();
  }

  /** By the event's own time: a busy page hears of it late, and before its timer. */
  up(event: PointerEvent): void {
    this.tell(event.timeStamp - this.since < LONG_MS ? Type.TAP : Type.LONG_PRESS);
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.at = null;
  }

  private tell(type: Type): void {
    if (this.at) tell(this.taken, type, this.at);
    this.cancel();
  }
}

class Scrolls {
  private movedAt = 0;
  private timer = 0;

  constructor(private readonly taken: Taken) {}

  moved(): void {
    this.movedAt = Date.now();
  }

  /** What comes after it is another movement's. */
  stopped(): void {
    this.movedAt = 0;
  }

  scrolled(): void {
    if (Date.now() - this.movedAt > MOVED_MS && !this.timer) return;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      tell(this.taken, Type.SCROLL, { x: scrollX + innerWidth / 2, y: scrollY + innerHeight / 2 });
    }, SETTLED_MS);
  }

  cancel(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.stopped();
  }
}

function tell(taken: Taken, type: Type, { x, y }: Place): void {
  const screen = current();
  if (!screen) return;
  const { scrollWidth: width, scrollHeight: height } = document.documentElement;
  taken({ screen: screen.name, x: share(x, width), y: share(y, height), type, width, height, at: Date.now() });
}

const share = (pixels: number, all: number): number => Math.min(Math.max(pixels / all, 0), 1);

const placeOf = ({ pageX: x, pageY: y }: MouseEvent): Place => ({ x, y });

function middleOf(control: Element): Place {
  const { left, top, width, height } = control.getBoundingClientRect();
  return { x: scrollX + left + width / 2, y: scrollY + top + height / 2 };
}

const actionOf = ({ target }: Event): Element | null =>
  target instanceof Element ? target.closest(`[${ACTION}]`) : null;
