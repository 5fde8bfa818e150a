// What is seen of a visit, as far as the member agrees: touches, pictures of screens, a recording. Else nothing is.

import { isLeft } from "./api";
import { consents, consentsChanged, fetchConsents, isRecordable, type Consents } from "./consents";
import { newId } from "./ids";
import { Outbox, type Row, type Seen, type Touch } from "./outbox";
import { picturing } from "./pictures";
import { Recorder } from "./recording";
import { tell, tellAtOnce } from "./telling";
import { watch } from "./touches";
import { visitBegan, visitEnded, type Who } from "./visits";

const EVERY_MS = 5_000;
const ASK_EVERY_MS = 60_000;
const AFTER_FAILURE_MS = 30_000;
const PARTING_MS = 3_000;
const MOST_TOUCHES = 100;

/** What goes on for one choice of the reader, until it is another. */
interface Going {
  how: string;
  end: () => void;
}

let who: Who;
let outbox: Outbox | null = null;
let touching: Going | null = null;
let recording: Going | null = null;
let recorder: Recorder | null = null;
let touches: Touch[] = [];
let isTelling = false;
let notBefore = 0;
let askedAt = 0;
let heedNoMore = () => {};

visitBegan.listen((began) => {
  who = began;
  heedNoMore = consentsChanged.listen(apply);
  window.addEventListener("online", () => void meet());
  document.addEventListener("visibilitychange", () => (document.hidden ? leave() : void meet()));
  window.addEventListener("pagehide", cut);
  setInterval(() => {
    const isDue = Date.now() - askedAt >= ASK_EVERY_MS;
    void (isDue && !document.hidden ? meet() : flush());
  }, EVERY_MS);
  void meet();
});

visitEnded.listen(() => {
  cut();
  outbox = null;
  end();
});

/** Ask what is agreed to, which may have changed elsewhere, and send what waits. */
async function meet(): Promise<void> {
  notBefore = 0;
  askedAt = Date.now();
  try {
    outbox ??= await Outbox.open(who.memberId);
    await fetchConsents();
  } catch {
    // Nothing is taken until the server has told.
    return;
  }
  await flush();
}

/** Tell what is withdrawn and what was seen before signing out, for afterwards nobody may; for a moment at most. */
export async function part(): Promise<void> {
  notBefore = 0;
  const told = fetchConsents()
    .catch(() => {})
    .then(flush);
  await Promise.race([told, new Promise((resolve) => setTimeout(resolve, PARTING_MS))]);
  end();
}

/** Whatever the server says from now on. */
function end(): void {
  heedNoMore();
  apply(null);
}

function apply(now: Consents | null): void {
  const how = now?.isTextMasked === false ? "plain" : "masked";
  touching = changed(touching, now?.touches ? how : "", takeTouches);
  recording = changed(recording, now?.recording && isRecordable(now) ? how : "", takeRecording);
  // What is not agreed to any more is thrown away.
  if (now) outbox?.drop((row) => !isAgreed(row)).catch(() => {});
}

function changed(going: Going | null, how: string, begin: (isMasked: boolean) => () => void): Going | null {
  if ((going?.how ?? "") === how) return going;
  going?.end();
  return how ? { how, end: begin(how === "masked") } : null;
}

const isAgreed = (row: Row): boolean => Boolean(row.kind === "touches" ? consents()?.touches : consents()?.recording);

function takeTouches(isMasked: boolean): () => void {
  const endTouches = watch((touch) => {
    touches.push(touch);
    if (touches.length >= MOST_TOUCHES) cut();
  });
  const endPictures = picturing(isMasked);
  return () => {
    endTouches();
    endPictures();
    touches = [];
  };
}

function takeRecording(isMasked: boolean): () => void {
  let isEnded = false;
  Recorder.start(who.memberId, isMasked, keep)
    .then((made) => {
      if (isEnded) return made.end();
      recorder = made;
      made.begin();
    })
    // Its script could not be loaded: the next time.
    .catch(() => (recording = isEnded ? recording : null));
  return () => {
    isEnded = true;
    recorder?.end();
    recorder = null;
  };
}

function keep(seen: Seen): void {
  outbox?.add(seen);
  if (isLeft()) tellAtOnce(seen);
}

/** Put what was seen so far where it stays if the page ends. */
function cut(): void {
  recorder?.cut();
  if (!touches.length) return;
  const seen: Seen = { kind: "touches", batch: newId(), touches };
  touches = [];
  keep(seen);
}

function leave(): void {
  cut();
  void flush();
}

async function flush(): Promise<void> {
  cut();
  if (isTelling || !outbox || !consents() || Date.now() < notBefore) return;
  isTelling = true;
  try {
    await tell(outbox, isAgreed, { refused: (id) => recorder?.refuse(id), unagreed });
    recorder?.begin();
  } catch {
    notBefore = Date.now() + AFTER_FAILURE_MS;
    // Without a network it goes on as long as there is room.
    if (await outbox?.isFull().catch(() => true)) recorder?.pause();
  } finally {
    isTelling = false;
  }
}

/** The server takes none of it, for it knows of no consent: ask, and begin anew where there is one. */
async function unagreed(kind: Row["kind"]): Promise<void> {
  if (kind === "chunk") recording = changed(recording, "", takeRecording);
  await fetchConsents();
}
