// Run in a browser, on a page of another origin: every transport of connect-web.
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { calls, withKey } from "./calls";

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
  return outcomes;
};

Object.assign(globalThis, { run });
