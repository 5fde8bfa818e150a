// The API overview's client, as it is written there but for its import path and baseUrl.
import { createConnectTransport } from "@connectrpc/connect-web";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { CampaignService } from "./gen/pidgr/v1/campaign_pb";
import { GroupService } from "./gen/pidgr/v1/group_pb";

export const overview = async (baseUrl: string) => {
  const transport = createConnectTransport({
    baseUrl,
  });
  const campaigns = createClient(CampaignService, transport);
  const listCampaigns = async () => {
    const response = await campaigns.listCampaigns({
      pagination: { pageSize: 10 },
    });
    return response.campaigns.length;
  };
  const client = createClient(GroupService, transport);
  // First page
  const page1 = await client.listGroups({
    pagination: { pageSize: 1 },
  });
  // Next page
  const page2 = await client.listGroups({
    pagination: { pageSize: 1, pageToken: page1.pagination.nextPageToken },
  });
  return {
    campaigns: await listCampaigns().catch((error) => Code[ConnectError.from(error).code]),
    pages: [page1.groups.length, page2.groups.length, page1.pagination.totalCount, page2.pagination.nextPageToken],
  };
};
