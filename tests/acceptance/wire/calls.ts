// What every client does, whatever carries it: write, read in pages, be refused.
import { Code, ConnectError, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { GroupService } from "./gen/pidgr/v1/group_pb";
import { RenderService } from "./gen/pidgr/v1/render_pb";

export const withKey = (key: string): Interceptor => (next) => (request) => {
  request.header.set("Authorization", `Bearer ${key}`);
  return next(request);
};

/** From now on every call bears the key, as it would by an application's own fetch: the overview shows no credentials. */
export const fetchWithKey = (key: string) => {
  const plainFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const headers = new Headers(init?.headers);
    headers.set("Authorization", `Bearer ${key}`);
    return plainFetch(input, { ...init, headers });
  };
};

const refusal = async (attempt: () => Promise<unknown>): Promise<string> => {
  try {
    await attempt();
    return "no refusal";
  } catch (error) {
    return Code[ConnectError.from(error).code];
  }
};

export const calls = async (signedIn: Transport, stranger: Transport) => {
  const client = createClient(GroupService, signedIn);
  const made = [];
  for (const name of ["Fantails", "Homers", "Jacobins"]) {
    const { group } = await client.createGroup({ name });
    made.push(group!.id);
  }
  const seen = [];
  let pageToken = "";
  let total = 0;
  do {
    const page = await client.listGroups({ pagination: { pageSize: 2, pageToken } });
    seen.push(...page.groups.map((group) => group.id));
    total = page.pagination!.totalCount;
    pageToken = page.pagination!.nextPageToken;
  } while (pageToken);
  const render = async () => {
    for await (const answer of createClient(RenderService, signedIn).renderBatch({})) console.log(answer);
  };
  const outcome = {
    once: made.every((id) => seen.filter((other) => other === id).length === 1),
    total: total === seen.length,
    taken: await refusal(() => client.createGroup({ name: "Homers" })),
    invalid: await refusal(() => client.createGroup({ name: "" })),
    stranger: await refusal(() => createClient(GroupService, stranger).listGroups({})),
    stream: await refusal(render),
  };
  for (const groupId of made) await client.deleteGroup({ groupId });
  return outcome;
};
