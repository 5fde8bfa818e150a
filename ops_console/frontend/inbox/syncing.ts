// Bringing the kept inbox and the server's together, in both directions. Tabs take turns; what is done twice does no harm.

import { timestampFromMs, timestampMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { DeliveryStatus } from "../gen/pidgr/v1/common_pb";
import type { InboxEntry } from "../gen/pidgr/v1/inbox_pb";
import { actions, inbox } from "./api";
import { isAnswered, isFinal, reason } from "./faults";
import { isAcknowledged, isOpen, type Entry, type Keeping, type Task } from "./keeping";

const PAGE = 100;
// Entries that are looked at again for what was done on other devices.
const RECENT = 200;

/** Run it while no other tab does. Without TLS browsers have no locks. */
export const alone = <T>(name: string, act: () => Promise<T>): Promise<T> =>
  navigator.locks ? (navigator.locks.request(name, act) as Promise<T>) : act();

/** Send what the reader did, then fetch what is new. What the server cannot take waits, and stops nothing. */
export async function sync(kept: Keeping): Promise<void> {
  const failure: unknown = await flush(kept).catch((error: unknown) => error);
  await alone("inbox.sync", async () => fetchFrom(kept, await kept.since()));
  if (failure && !(failure instanceof ConnectError)) throw failure;
}

/** Fetch again from the oldest recent entry that was open here: other devices may have read or acknowledged it. */
export async function review(kept: Keeping): Promise<void> {
  const entries = await kept.entries();
  const oldest = entries.slice(0, RECENT).findLastIndex((entry) => !entry.isRead || isOpen(entry));
  if (oldest < 0) return;
  await alone("inbox.sync", async () => fetchFrom(kept, entries[oldest + 1]?.place ?? ""));
}

/** The entry as the server has it now. */
export async function fetchOne(kept: Keeping, id: string): Promise<void> {
  try {
    const { entry } = await inbox.getMessage({ deliveryId: id });
    if (entry) await kept.keep([rowOf(entry)]);
  } catch (error) {
    if (ConnectError.from(error).code !== Code.NotFound) throw error;
    await kept.drop(id);
  }
}

/** Tell the server what it does not know. What it cannot take now waits for the next time; throws why, at the end. */
export async function flush(kept: Keeping): Promise<void> {
  await alone("inbox.flush", async () => {
    let failure: unknown;
    for (const task of await kept.tasks()) {
      try {
        await tell(kept, task);
      } catch (error) {
        failure = error;
        // The others would wait as long.
        if (!isAnswered(error)) break;
      }
    }
    if (failure) throw failure;
  });
}

async function tell(kept: Keeping, task: Task): Promise<void> {
  try {
    await kept.settle(task, await perform(task));
  } catch (error) {
    if (!isFinal(error)) throw error;
    await kept.settle(task, task.kind === "act" ? { refusal: reason(error) } : {});
    await fetchRefused(kept, task, error);
  }
}

async function fetchFrom(kept: Keeping, since: string): Promise<void> {
  for (;;) {
    const page = await inbox.sync({ since: since ? timestampOf(since) : undefined, limit: PAGE });
    if (!page.nextSince || page.entries.length === 0) return;
    since = placeOf(page.nextSince);
    await kept.keep(page.entries.map(rowOf), since);
  }
}

/** Repeated, it changes nothing at the server. */
async function perform(task: Task): Promise<Partial<Entry>> {
  if (task.kind === "read") {
    await inbox.markRead({ deliveryId: task.id });
    return { isRead: true };
  }
  const payload = new TextEncoder().encode(JSON.stringify({ at: new Date(task.at).toISOString() }));
  await actions.submitAction({ deliveryId: task.id, actionId: task.action, payload });
  return { status: DeliveryStatus.ACKNOWLEDGED, refusal: undefined };
}

/** It is as another device, a deadline or a cancellation left it; the reason stays beside it. */
async function fetchRefused(kept: Keeping, task: Task, error: unknown): Promise<void> {
  await fetchOne(kept, task.id);
  const found = await kept.entry(task.id);
  if (found && task.kind === "act" && !isAcknowledged(found.entry)) {
    await kept.keep([{ ...found, entry: { ...found.entry, refusal: reason(error) } }]);
  }
}

function rowOf({ deliveryId, message, status, read, receivedAt }: InboxEntry): { entry: Entry; body: string } {
  const at = receivedAt ?? timestampFromMs(0);
  const entry = {
    id: deliveryId,
    campaignId: message?.campaignId ?? "",
    title: message?.title || message?.summary || "Message",
    sender: message?.senderName ?? "",
    summary: message?.summary ?? "",
    isCritical: message?.critical ?? false,
    actions: (message?.actions ?? []).map(({ id, type, label }) => ({ id, type, label })),
    status,
    isRead: read,
    place: placeOf(at),
    receivedAt: timestampMs(at),
  };
  return { entry, body: message?.body ?? "" };
}

/** To the nanosecond: a place that is cut short is shown again. */
const placeOf = ({ seconds, nanos }: Timestamp): string =>
  `${seconds.toString().padStart(12, "0")}.${nanos.toString().padStart(9, "0")}`;

function timestampOf(place: string): Timestamp {
  const [seconds = "0", nanos = "0"] = place.split(".");
  return { ...timestampFromMs(0), seconds: BigInt(seconds), nanos: Number(nanos) };
}
