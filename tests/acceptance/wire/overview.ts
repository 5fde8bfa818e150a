// The API overview's client, as it is written there but for its import path and baseUrl.
import { createConnectTransport } from "@connectrpc/connect-web";
import { createClient } from "@connectrpc/connect";
import { CampaignService } from "./gen/pidgr/v1/campaign_pb";

export const overview = async (baseUrl: string) => {
  const transport = createConnectTransport({
    baseUrl,
  });
  const client = createClient(CampaignService, transport);
  const response = await client.listCampaigns({
    pagination: { pageSize: 10 },
  });
  // First page
  const page1 = await client.listCampaigns({
    pagination: { pageSize: 20 },
  });
  // Next page
  const page2 = await client.listCampaigns({
    pagination: { pageSize: 20, pageToken: page1.pagination.nextPageToken },
  });
  return {
    listed: response.campaigns.length,
    pages: [page1.campaigns.length, page2.campaigns.length],
    seen: new Set([...page1.campaigns, ...page2.campaigns].map((campaign) => campaign.id)).size,
    total: page1.pagination.totalCount,
    last: page2.pagination.nextPageToken,
  };
};
