// What the page has seen of a visit and not sent yet, in IndexedDB: a network that is away loses none of it.

import { opened, result, stores } from "./database";

export interface Touches {
  kind: "touches";
  /** The same at every try, so that they count once. */
  batch: string;
  touches: Touch[];
}

/** Places are shares of the whole document, whose size in pixels goes with them. */
export interface Touch {
  screen: string;
  x: number;
  y: number;
  type: number;
  width: number;
  height: number;
  at: number;
}

export interface Chunk {
  kind: "chunk";
  recording: string;
  /** From 0, in each recording. */
  number: number;
  /** JSON of events. */
  events: string;
}

export type Seen = Touches | Chunk;
export type Row = Seen & { key: number; at: number };

const DAY_MS = 24 * 3600 * 1000;
// As long as the server remembers that it has a batch; of chunks it always knows.
const KEEP_TOUCHES_MS = DAY_MS;
const KEEP_CHUNKS_MS = 7 * DAY_MS;
const MOST_BATCHES = 50;
const MOST_CHARACTERS = 4_000_000;

export class Outbox {
  private constructor(private readonly database: IDBDatabase) {}

  static async open(memberId: string): Promise<Outbox> {
    const database = await opened(`seen:${memberId}`, (made) => {
      made.createObjectStore("rows", { keyPath: "key", autoIncrement: true });
    });
    return new Outbox(database);
  }

  /** Keep it, even if the page ends right after this call. */
  add(seen: Seen): void {
    try {
      const { rows, transaction } = stores(this.database, "readwrite", "rows");
      rows.put({ ...seen, at: Date.now() });
      transaction.commit();
    } catch {
      // Another tab has signed out: there is nothing to be kept any more.
    }
  }

  /** In the order they were added. */
  async rows(): Promise<Row[]> {
    const { rows } = stores(this.database, "readonly", "rows");
    return result<Row[]>(rows.getAll());
  }

  /** Let go of what has become too old, and of the oldest touches where they are too many. */
  async tidy(): Promise<void> {
    const batches = (await this.rows()).filter(({ kind }) => kind === "touches");
    const firstKept = batches.at(-MOST_BATCHES)?.key ?? 0;
    const isOld = ({ kind, at }: Row) => at < Date.now() - (kind === "touches" ? KEEP_TOUCHES_MS : KEEP_CHUNKS_MS);
    await this.drop((row) => isOld(row) || (row.kind === "touches" && row.key < firstKept));
  }

  /** Whether what a recording has left here is as much as may wait. */
  async isFull(): Promise<boolean> {
    const lengths = (await this.rows()).map((row) => (row.kind === "chunk" ? row.events.length : 0));
    return lengths.reduce((sum, length) => sum + length, 0) > MOST_CHARACTERS;
  }

  async drop(isMeant: (row: Row) => boolean): Promise<void> {
    const { rows, done } = stores(this.database, "readwrite", "rows");
    for (const row of await result<Row[]>(rows.getAll())) if (isMeant(row)) rows.delete(row.key);
    await done;
  }
}
