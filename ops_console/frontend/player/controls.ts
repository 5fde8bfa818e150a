// The controls below the stage, which also work from the keyboard.

import { byId, clock } from "./page";
import type { Stage } from "./stage";

const STEP_MS = 5000;

export function connect(stage: Stage): void {
  const toggle = byId("player-toggle", HTMLButtonElement);
  const seek = byId("player-seek", HTMLInputElement);
  const time = byId("player-time", HTMLElement);
  const total = clock(stage.totalMs);
  let now = 0;

  seek.max = String(stage.totalMs);
  stage.watch(
    (ms) => {
      now = ms;
      seek.value = String(ms);
      const shown = `${clock(ms)} of ${total}`;
      if (time.textContent !== shown) {
        time.textContent = shown;
        seek.setAttribute("aria-valuetext", shown);
      }
    },
    (isPlaying) => {
      toggle.textContent = isPlaying ? "Pause" : "Play";
    },
  );
  const step = (by: number): void => stage.goto(Math.min(Math.max(now + by, 0), stage.totalMs));

  toggle.addEventListener("click", () => stage.toggle());
  seek.addEventListener("input", () => stage.goto(Number(seek.value)));
  const speed = byId("player-speed", HTMLSelectElement);
  speed.addEventListener("change", () => stage.setSpeed(Number(speed.value)));
  byId("player-skip", HTMLInputElement).addEventListener("change", () => stage.toggleSkipInactive());
  byId("player", HTMLElement).addEventListener("keydown", (event) => {
    const act = keyed(event, { toggle: () => stage.toggle(), step });
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

interface Acts {
  toggle: () => void;
  step: (by: number) => void;
}

/** What a key does where the focused control does nothing of its own with it. */
function keyed({ key, target, altKey, ctrlKey, metaKey }: KeyboardEvent, acts: Acts): (() => void) | null {
  if (altKey || ctrlKey || metaKey || target instanceof HTMLSelectElement) return null;
  if (key === "ArrowLeft") return () => acts.step(-STEP_MS);
  if (key === "ArrowRight") return () => acts.step(STEP_MS);
  const isOwn = target instanceof HTMLButtonElement || target instanceof HTMLAnchorElement || isCheckbox(target);
  return key === " " && !isOwn ? acts.toggle : null;
}

const isCheckbox = (target: unknown): boolean => target instanceof HTMLInputElement && target.type === "checkbox";
