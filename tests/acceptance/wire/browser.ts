// Run in a browser, on a page of another origin: every transport of connect-web, then the overview's client.
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { calls, fetchWithKey, withKey } from "./calls";
import { GroupService } from "./gen/pidgr/v1/group_pb";
import { overview } from "./overview";

const transports = {
  connect: (options: object) => createConnectTransport({ useBinaryFormat: true, ...(options as { baseUrl: string }) }),
  "connect, JSON": (options: object) => createConnectTransport(options as { baseUrl: string }),
  "grpc-web": (options: object) => createGrpcWebTransport(options as { baseUrl: string }),
  "grpc-web, JSON": (options: object) =>
    createGrpcWebTransport({ useBinaryFormat: false, ...(options as { baseUrl: string }) }),
};

export const run = async (baseUrl: string, key: string) => {
  const outcomes: Record<string, unknown> = {};
  for (const [name, make] of Object.entries(transports)) {
    outcomes[name] = await calls(make({ baseUrl, interceptors: [withKey(key)] }), make({ baseUrl }));
  }
  const signedIn = createConnectTransport({ baseUrl, interceptors: [withKey(key)] });
  await createClient(GroupService, signedIn).createGroup({ name: "Archangels" });
  fetchWithKey(key);
  outcomes.overview = await overview(baseUrl);
  return outcomes;
};

Object.assign(globalThis, { run });
