// What the page asks of the server: by Connect, and of /api/v1 what the contract has no methods for.

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { ActionService } from "../gen/pidgr/v1/action_pb";
import { DeviceService } from "../gen/pidgr/v1/device_pb";
import { HeatmapService } from "../gen/pidgr/v1/heatmap_pb";
import { InboxService } from "../gen/pidgr/v1/inbox_pb";
import { MemberService } from "../gen/pidgr/v1/member_pb";
import { Fault } from "./faults";
import { bearer, renew } from "./session";

const TIMEOUT_MS = 20_000;

/** As a signed-in person; once more with a new token when the old one has expired meanwhile. */
const authorized: Interceptor = (next) => async (request) => {
  const send = async () => {
    request.header.set("Authorization", `Bearer ${await bearer()}`);
    return next(request);
  };
  try {
    return await send();
  } catch (error) {
    if (ConnectError.from(error).code !== Code.Unauthenticated) throw error;
    await renew();
    return send();
  }
};

// What browsers send to the end of a page that is left.
const MOST_KEPT_ALIVE = 60_000;

let isEnding = false;
window.addEventListener("pagehide", () => (isEnding = true));
window.addEventListener("pageshow", () => (isEnding = false));

/** Whether the page may end at any moment. */
export const isLeft = (): boolean => document.hidden || isEnding;

/** Whether a body of so many bytes is to be sent even if the page ends meanwhile. */
export const isKeptAlive = (nBytes: number): boolean => isLeft() && nBytes <= MOST_KEPT_ALIVE;

/** What something before the server has answered is not the server's word: it may be another the next time. */
async function heard(response: Response): Promise<Response> {
  if (response.ok) return response;
  const told = (await response.clone().json().catch(() => null)) as { code?: string } | null;
  if (codeFromString(told?.code ?? "") !== undefined) return response;
  return Response.json({ code: "unavailable", message: `HTTP ${response.status}` }, { status: 503 });
}

const transport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: TIMEOUT_MS,
  interceptors: [authorized],
  fetch: async (input, init) => {
    const nBytes = (init?.body as Uint8Array | undefined)?.byteLength ?? 0;
    return heard(await fetch(input, { ...init, keepalive: isKeptAlive(nBytes) }));
  },
});

export const inbox = createClient(InboxService, transport);
export const actions = createClient(ActionService, transport);
export const devices = createClient(DeviceService, transport);
export const heatmaps = createClient(HeatmapService, transport);
export const members = createClient(MemberService, transport);

/** Call below /api/v1; once more with a new token when the old one has expired meanwhile. */
export async function rest(path: string, how: RequestInit = {}): Promise<Response> {
  const send = async () => {
    const headers = { Accept: "application/json", ...how.headers, Authorization: `Bearer ${await bearer()}` };
    return fetch(`/api/v1/${path}`, { ...how, headers });
  };
  const response = await send();
  if (response.status !== 401) return response;
  await renew();
  return send();
}

/** The JSON it answers with. */
export async function read<T>(path: string, how: RequestInit = {}): Promise<T> {
  const response = await rest(path, how);
  if (!response.ok) throw new Fault("The server did not answer as it should. Try again in a moment.");
  return (await response.json()) as T;
}

/** The organization's key that browsers subscribe with; empty if it has none. */
export async function vapidKey(): Promise<string> {
  return (await read<{ publicKey: string | null }>("vapid-key")).publicKey ?? "";
}
