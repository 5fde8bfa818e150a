// rrweb's player, in a frame that keeps what was recorded to itself.

import Player from "rrweb-player";
import { META, type Recorded } from "./scrubbing";

// Beside the sandbox, in which no script runs: what the document asks for is not sent, neither elsewhere nor to us with
// the reader's cookies. It outlives the documents that are written into the frame, and holds for frames within it.
const POLICY =
  "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; form-action 'none'; base-uri 'none'";
const STILL = "*, *::before, *::after { animation: none !important; transition: none !important; }";
const MOST_HEIGHT = 0.75;
// Of what was recorded without saying how large its window was.
const USUAL = { width: 1024, height: 576 };

interface Size {
  width: number;
  height: number;
}

export type Stage = Pick<Player, "toggle" | "goto" | "play" | "setSpeed" | "toggleSkipInactive"> & {
  totalMs: number;
  /** Tell of the time in milliseconds, whenever it has changed, and of whether it plays. */
  watch(onTime: (ms: number) => void, onPlaying: (isPlaying: boolean) => void): void;
};

export const isStill = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

export function raise(on: HTMLElement, events: Recorded[]): Stage {
  const recorded = events.find((event) => event.type === META)?.data ?? USUAL;
  const player = new Player({
    target: on,
    props: {
      events: events as never,
      ...sizeIn(on, recorded),
      showController: false,
      autoPlay: false,
      skipInactive: true,
      showWarning: false,
      // Of a field that was focused: it would take the keyboard from the controls.
      triggerFocus: false,
      ...(isStill() ? { mouseTail: false, insertStyleRules: [STILL] } : {}),
    },
  }) as Player & { $set(size: Size): void };
  close(player.getReplayer().iframe);
  new ResizeObserver(() => {
    player.$set(sizeIn(on, recorded));
    player.triggerResize();
  }).observe(on);
  return {
    toggle: player.toggle,
    goto: player.goto,
    play: player.play,
    setSpeed: player.setSpeed,
    toggleSkipInactive: player.toggleSkipInactive,
    totalMs: player.getMetaData().totalTime,
    watch(onTime, onPlaying) {
      player.addEventListener("ui-update-current-time", (told) => onTime((told as { payload: number }).payload));
      player.addEventListener("ui-update-player-state", (told) =>
        onPlaying((told as { payload: string }).payload === "playing"),
      );
    },
  };
}

/** Before anything recorded is in it. */
function close(frame: HTMLIFrameElement): void {
  const inside = frame.contentDocument;
  if (!inside || frame.sandbox.value !== "allow-same-origin") throw new Error("The frame is not closed.");
  const policy = inside.createElement("meta");
  policy.httpEquiv = "Content-Security-Policy";
  policy.content = POLICY;
  inside.head.append(policy);
  frame.title = "The page as the member saw it";
}

function sizeIn(on: HTMLElement, of: Size): Size {
  const width = on.clientWidth || USUAL.width;
  const height = Math.min((width * of.height) / of.width, innerHeight * MOST_HEIGHT, of.height);
  return { width, height: Math.round(height) };
}
