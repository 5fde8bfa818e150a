// What the page asks of the server: by Connect, and of /api/v1 the one thing the contract has no method for.

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { ActionService } from "../gen/pidgr/v1/action_pb";
import { DeviceService } from "../gen/pidgr/v1/device_pb";
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

const transport = createConnectTransport({
  baseUrl: location.origin,
  useBinaryFormat: true,
  defaultTimeoutMs: TIMEOUT_MS,
  interceptors: [authorized],
});

export const inbox = createClient(InboxService, transport);
export const actions = createClient(ActionService, transport);
export const devices = createClient(DeviceService, transport);
export const members = createClient(MemberService, transport);

/** The organization's key that browsers subscribe with; empty if it has none. */
export async function vapidKey(): Promise<string> {
  const headers = { Accept: "application/json", Authorization: `Bearer ${await bearer()}` };
  const response = await fetch("/api/v1/vapid-key", { headers });
  if (!response.ok) throw new Fault("The server did not answer as it should. Try again in a moment.");
  const { publicKey } = (await response.json()) as { publicKey: string | null };
  return publicKey ?? "";
}
