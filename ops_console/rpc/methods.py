"""Every method of ``pidgr.v1`` with what it asks of its caller, in one table."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 2**20


@dataclass(frozen=True)
class Method:
    """``resource`` and ``action`` are looked up in the policy table (ops_console/access/policy.py).

    ``max_bytes``: of the request, decompressed. ``changes``: takes an Idempotency-Key. ``secrets``: fields of the
    response that are shown once, so not kept with the key.
    """

    resource: str
    action: str
    changes: bool = False
    max_bytes: int = MEBIBYTE
    secrets: tuple[str, ...] = ()


def reads(resource: str, action: str) -> Method:
    return Method(resource, action)


def writes(resource: str, action: str, max_bytes: int = MEBIBYTE, *, secrets: tuple[str, ...] = ()) -> Method:
    return Method(resource, action, changes=True, max_bytes=max_bytes, secrets=secrets)


METHODS: dict[str, dict[str, Method]] = {
    "ActionService": {"SubmitAction": writes("inbox", "act")},
    "ApiKeyService": {
        "CreateApiKey": writes("api-keys", "create", secrets=("key",)),
        "ListApiKeys": reads("api-keys", "list"),
        "RevokeApiKey": writes("api-keys", "revoke"),
    },
    "CampaignService": {
        "CreateCampaign": writes("campaigns", "create", 32 * MEBIBYTE),
        "StartCampaign": writes("campaigns", "start"),
        "GetCampaign": reads("campaigns", "retrieve"),
        "ListCampaigns": reads("campaigns", "list"),
        "CancelCampaign": writes("campaigns", "cancel"),
        "UpdateCampaign": writes("campaigns", "update"),
        "ListDeliveries": reads("campaigns", "retrieve"),
    },
    "DeviceService": {
        "Register": writes("devices", "own"),
        "Deactivate": writes("devices", "own"),
        "ListDevices": reads("devices", "own"),
        "ListMemberDevices": reads("devices", "list"),
    },
    "GroupService": {
        "CreateGroup": writes("groups", "create"),
        "GetGroup": reads("groups", "retrieve"),
        "ListGroups": reads("groups", "list"),
        "UpdateGroup": writes("groups", "update"),
        "DeleteGroup": writes("groups", "delete"),
        "AddGroupMembers": writes("groups", "update"),
        "RemoveGroupMembers": writes("groups", "update"),
        "ListGroupMembers": reads("groups", "retrieve"),
        "GetUserGroupMemberships": reads("groups", "memberships"),
    },
    "HeatmapService": {
        "IngestTouchEvents": writes("touches", "ingest"),
        "QueryHeatmapData": reads("heatmaps", "retrieve"),
        "ListScreenshots": reads("heatmaps", "retrieve"),
        "UploadScreenshot": writes("screenshots", "upload"),
    },
    "InboxService": {
        "Sync": reads("inbox", "read"),
        "MarkRead": writes("inbox", "read"),
        "GetMessage": reads("inbox", "read"),
    },
    "MemberService": {
        "InviteUser": writes("members", "invite"),
        "GetUser": reads("members", "retrieve"),
        "ListUsers": reads("members", "list"),
        "UpdateUserRole": writes("members", "set_role"),
        "DeactivateUser": writes("members", "deactivate"),
        "UpdateUserProfile": writes("members", "update_profile"),
        "GetUserSettings": reads("settings", "retrieve"),
        "UpdateUserSettings": writes("settings", "update"),
    },
    "OrganizationService": {
        "CreateOrganization": writes("organizations", "create"),
        "GetOrganization": reads("organizations", "retrieve"),
        "UpdateOrganization": writes("organizations", "update"),
        "UpdateSsoAttributeMappings": writes("organizations", "update"),
    },
    "RenderService": {"RenderBatch": Method("templates", "render", max_bytes=32 * MEBIBYTE)},
    "ReplayService": {
        "ListSessionRecordings": reads("recordings", "list"),
        "GetSessionSnapshots": reads("recordings", "retrieve"),
    },
    "RoleService": {
        "ListRoles": reads("roles", "list"),
        "CreateRole": writes("roles", "create"),
        "UpdateRole": writes("roles", "update"),
        "DeleteRole": writes("roles", "delete"),
    },
    "SSOService": {
        "CheckSSOByDomain": reads("sso-providers", "check"),
        "CreateSSOProvider": writes("sso-providers", "create"),
        "GetSSOProvider": reads("sso-providers", "retrieve"),
        "DeleteSSOProvider": writes("sso-providers", "delete"),
    },
    "TeamService": {
        "CreateTeam": writes("teams", "create"),
        "GetTeam": reads("teams", "retrieve"),
        "ListTeams": reads("teams", "list"),
        "UpdateTeam": writes("teams", "update"),
        "DeleteTeam": writes("teams", "delete"),
        "AddTeamMembers": writes("teams", "update"),
        "RemoveTeamMembers": writes("teams", "update"),
        "ListTeamMembers": reads("teams", "retrieve"),
    },
    "TemplateService": {
        "CreateTemplate": writes("templates", "create"),
        "UpdateTemplate": writes("templates", "update"),
        "GetTemplate": reads("templates", "retrieve"),
        "ListTemplates": reads("templates", "list"),
    },
}
