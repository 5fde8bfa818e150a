// What this browser keeps of a member's inbox, in IndexedDB: readable offline, and the place where syncing goes on.

import { opened, result, stores } from "./database";
import { ActionType, DeliveryStatus } from "../gen/pidgr/v1/common_pb";

/** An entry of the inbox without its body. */
export interface Entry {
  id: string;
  campaignId: string;
  title: string;
  sender: string;
  summary: string;
  isCritical: boolean;
  actions: { id: string; type: ActionType; label: string }[];
  status: DeliveryStatus;
  isRead: boolean;
  /** Where it stands in the inbox; as text, so that order of texts is order of places. */
  place: string;
  /** Milliseconds since 1970. */
  receivedAt: number;
  /** Why the server refused what the reader did, until he has tried again or the message is acknowledged elsewhere. */
  refusal?: string;
  /** Set on reading: an acknowledgement that is still to be sent. */
  isWaiting?: boolean;
}

/** What the reader did, until the server knows. One of a kind and message: a repetition takes its place. */
export type Task = { key: string; id: string; at: number } & ({ kind: "read" } | { kind: "act"; action: string });

const CURSOR = "since";

export class Keeping {
  private constructor(private readonly database: IDBDatabase) {}

  static async open(memberId: string): Promise<Keeping> {
    const database = await opened(memberId, (made) => {
      made.createObjectStore("entries", { keyPath: "id" });
      made.createObjectStore("bodies");
      made.createObjectStore("tasks", { keyPath: "key" });
      made.createObjectStore("state");
    });
    return new Keeping(database);
  }

  /** All entries as the reader left them, newest first. */
  async entries(): Promise<Entry[]> {
    const { entries, tasks } = this.stores("readonly", "entries", "tasks");
    const [found, waiting] = await Promise.all([
      result<Entry[]>(entries.getAll()),
      result<Task[]>(tasks.getAll()),
    ]);
    const done = new Map(waiting.map((task) => [task.key, task]));
    return found.map((entry) => asLeft(entry, done)).sort((one, other) => (one.place < other.place ? 1 : -1));
  }

  async entry(id: string): Promise<{ entry: Entry; body: string } | null> {
    const { bodies } = this.stores("readonly", "bodies");
    const [entries, body] = await Promise.all([this.entries(), result<string | undefined>(bodies.get(id))]);
    const entry = entries.find((one) => one.id === id);
    return entry && body !== undefined ? { entry, body } : null;
  }

  /** The place up to which everything is kept; empty for none. */
  async since(): Promise<string> {
    const { state } = this.stores("readonly", "state");
    return (await result<string | undefined>(state.get(CURSOR))) ?? "";
  }

  /** Keep entries and how far they lead, all or nothing; how far never goes back. */
  async keep(kept: { entry: Entry; body: string }[], since = ""): Promise<void> {
    const { entries, bodies, state, done, transaction } = this.stores("readwrite", "entries", "bodies", "state");
    try {
      for (const { entry, body } of kept) {
        const known = await result<Entry | undefined>(entries.get(entry.id));
        entries.put(known ? notBefore(entry, known) : entry);
        bodies.put(body, entry.id);
      }
      const before = (await result<string | undefined>(state.get(CURSOR))) ?? "";
      if (since > before) state.put(since, CURSOR);
    } catch (error) {
      // What was put before would be kept without the rest.
      transaction.abort();
      throw error;
    }
    await done;
  }

  async drop(id: string): Promise<void> {
    const { entries, bodies, done } = this.stores("readwrite", "entries", "bodies");
    entries.delete(id);
    bodies.delete(id);
    await done;
  }

  /** What the server is still to be told, in the order it was done. */
  async tasks(): Promise<Task[]> {
    const { tasks } = this.stores("readonly", "tasks");
    return (await result<Task[]>(tasks.getAll())).sort((one, other) => one.at - other.at);
  }

  async add(task: Task): Promise<void> {
    const { tasks, done } = this.stores("readwrite", "tasks");
    tasks.put(task);
    await done;
  }

  /** The server knows, or has refused: the task is gone and its entry changed, together. */
  async settle(task: Task, changes: Partial<Entry>): Promise<void> {
    const { tasks, entries, done } = this.stores("readwrite", "tasks", "entries");
    tasks.delete(task.key);
    const entry = await result<Entry | undefined>(entries.get(task.id));
    if (entry) entries.put({ ...entry, ...changes });
    await done;
  }

  private readonly stores = <Name extends string>(mode: IDBTransactionMode, ...names: Name[]) =>
    stores(this.database, mode, ...names);
}

/** What was read and acknowledged stays so, if the answer was on its way meanwhile; so does what was refused. */
function notBefore(entry: Entry, known: Entry): Entry {
  const status = isAcknowledged(known) ? known.status : entry.status;
  const isDone = isAcknowledged({ ...entry, status });
  const refusal = isDone ? undefined : (entry.refusal ?? known.refusal);
  return { ...entry, status, refusal, isRead: entry.isRead || known.isRead };
}

/** The entry with what the reader did and the server does not know. */
function asLeft(entry: Entry, tasks: Map<string, Task>): Entry {
  const isRead = entry.isRead || tasks.has(`read:${entry.id}`);
  const isWaiting = tasks.has(`act:${entry.id}`);
  return { ...entry, isRead, isWaiting, refusal: isWaiting ? undefined : entry.refusal };
}

export const isAcknowledged = (entry: Entry): boolean => entry.status === DeliveryStatus.ACKNOWLEDGED;

/** Whether the reader can still do something about it. */
export const isOpen = (entry: Entry): boolean =>
  entry.actions.length > 0 && !isAcknowledged(entry) && !entry.isWaiting && entry.status !== DeliveryStatus.MISSED;
