// Run by Node: every transport of connect-node, then the overview's client. Prints what came of it.
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { calls, fetchWithKey, withKey } from "./calls";
import { GroupService } from "./gen/pidgr/v1/group_pb";
import { overview } from "./overview";

const { WEB_URL, GRPC_URL, KEY } = process.env as Record<string, string>;
const transports = {
  "connect, HTTP/1.1": [createConnectTransport, { baseUrl: WEB_URL, httpVersion: "1.1" }],
  "connect, HTTP/2": [createConnectTransport, { baseUrl: WEB_URL, httpVersion: "2" }],
  "connect, HTTP/2, JSON": [createConnectTransport, { baseUrl: WEB_URL, httpVersion: "2", useBinaryFormat: false }],
  "grpc-web, HTTP/1.1": [createGrpcWebTransport, { baseUrl: WEB_URL, httpVersion: "1.1" }],
  "grpc-web, HTTP/2": [createGrpcWebTransport, { baseUrl: WEB_URL, httpVersion: "2" }],
  "grpc": [createGrpcTransport, { baseUrl: GRPC_URL }],
} as const;
const outcomes: Record<string, unknown> = {};
for (const [name, [create, options]] of Object.entries(transports)) {
  const make = create as (options: object) => ReturnType<typeof createGrpcTransport>;
  outcomes[name] = await calls(make({ ...options, interceptors: [withKey(KEY)] }), make(options));
}
const signedIn = createConnectTransport({ baseUrl: WEB_URL, httpVersion: "2", interceptors: [withKey(KEY)] });
await createClient(GroupService, signedIn).createGroup({ name: "Archangels" });
fetchWithKey(KEY);
outcomes.overview = await overview(WEB_URL);
console.log(JSON.stringify(outcomes));
process.exit(0);
