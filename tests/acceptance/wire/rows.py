"""For each method of pidgr.v1: a request that works, and one about another organization's row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from protobuf import Message, message_from_json_value

from campaigns.services import devices
from ops_console.access.models import ApiKey, SsoProvider
from ops_console.gen.pidgr.v1 import (
    action_pb,
    api_key_pb,
    campaign_pb,
    device_pb,
    group_pb,
    heatmap_pb,
    inbox_pb,
    member_pb,
    organization_pb,
    render_pb,
    replay_pb,
    role_pb,
    sso_pb,
    team_pb,
    template_pb,
)
from ops_console.gen.pidgr.v1.common_pb import Permission, Platform, WorkflowDefinition
from ops_console.gen.pidgr.v1.organization_pb import SsoAttributeMapping
from ops_console.gen.pidgr.v1.user_pb import ThemePreference, UserProfile, UserSettings
from ops_console.organizations.models import Group, Member, Team
from ops_console.organizations.rights import Right
from tests import authoring, callers, campaigns, factories, heatmaps, replays, tenants
from tests.factories import NOW, numbers
from tests.inboxes import Mailing
from tests.pidgr import Tenant, token_of


@dataclass
class World:
    """Two organizations. Rows are made anew for every request, which may change or delete them."""

    own: Tenant
    other: Tenant
    metadata_url: str
    credentials: dict[str, str] = field(default_factory=dict)

    def credential(self, name: str) -> str:
        """The text of a credential, made when it is first asked for."""
        if name not in self.credentials:
            self.credentials[name] = CREDENTIALS[name](self)
        return self.credentials[name]


Make = Callable[[Tenant], Message[Any]]
CREDENTIALS: dict[str, Callable[[World], str]] = {
    "key": lambda world: world.own.key(),
    "key without a right": lambda world: world.own.key(rights=()),
    "person": lambda world: world.own.person(*Right),
    "person without a right": lambda world: world.own.person(),
    "founder": lambda world: token_of(factories.outsider()),
    "render": lambda world: callers.service_key("render"),
    "organizations": lambda world: callers.service_key("organizations"),
}


@dataclass(frozen=True)
class Row:
    """``happy`` makes a request of a tenant's own; ``foreign`` names a field of it that another tenant's row fills.

    ``by``: the credential it works with. ``refused``: credentials that must be refused; of the method's kind.
    ``without``: the code for somebody without a right.
    """

    happy: Make
    foreign: str | None = None
    foreign_code: str = "not_found"
    by: str = "key"
    refused: tuple[str, ...] = ("render", "organizations", "founder")
    without: str = "permission_denied"
    # What several calls in one world would contradict.
    prepare: Callable[[World], None] = lambda world: None


WORKFLOW = message_from_json_value(WorkflowDefinition, campaigns.workflow())
PERSON_ONLY = ("key", "render", "organizations", "founder")


def new_name() -> str:
    return f"name{next(numbers)}"


def member_of(tenant: Tenant) -> str:
    return str(tenants.member(tenant.organization).pk)


def role_of(tenant: Tenant) -> str:
    return str(tenants.role(tenant.organization).pk)


def roster_of(tenant: Tenant, model: type[Team] | type[Group]) -> str:
    return str(
        model.objects.create(organization=tenant.organization, name=new_name(), created_at=NOW, updated_at=NOW).pk
    )


def campaign_of(tenant: Tenant) -> str:
    return str(campaigns.campaign(tenant.organization).pk)


def recording_of(tenant: Tenant) -> str:
    return str(replays.recorded(tenants.member(tenant.organization)).pk)


def key_of(tenant: Tenant) -> str:
    tenant.key()
    return str(ApiKey.objects.filter(organization=tenant.organization).latest("id").pk)


def template_of(tenant: Tenant) -> str:
    return str(authoring.template(tenant.organization).template_id)


def on_campaign(method: str, **given: Any) -> Row:
    """A row about a campaign that is created."""
    request = getattr(campaign_pb, f"{method}Request")
    return Row(
        lambda tenant: request(campaign_id=str(campaigns.campaign(tenant.organization).pk), **given),
        foreign="campaign_id",
    )


def provider_of(tenant: Tenant) -> str:
    made, _ = SsoProvider.objects.get_or_create(
        organization=tenant.organization,
        defaults={
            "domain": f"{new_name()}.example",
            "type": "oidc",
            "metadata_url": "https://idp.example/.well-known/openid-configuration",
            "metadata": {},
            "proof": "x",
            "created_at": NOW,
            "updated_at": NOW,
        },
    )
    return str(made.pk)


def with_provider(world: World) -> None:
    provider_of(world.own)


def without_provider(world: World) -> None:
    SsoProvider.objects.filter(organization=world.own.organization).delete()


def rosters(pb: Any, model: type[Team] | type[Group]) -> dict[str, Row]:
    """The rows of TeamService or GroupService."""
    word = model.__name__
    id_field = f"{word.lower()}_id"

    def on_one(method: str, without: str, **given: Any) -> Row:
        request = getattr(pb, f"{method}Request")
        return Row(
            lambda tenant: request(**{id_field: roster_of(tenant, model)}, **given), foreign=id_field, without=without
        )

    return {
        f"Create{word}": Row(lambda tenant: getattr(pb, f"Create{word}Request")(name=new_name())),
        # Without the right they see those they are in, and the key's creator is in none of these.
        f"Get{word}": on_one(f"Get{word}", "permission_denied"),
        f"List{word}s": Row(lambda tenant: getattr(pb, f"List{word}sRequest")(), without="ok"),
        f"Update{word}": on_one(f"Update{word}", "permission_denied", description="Grey and white"),
        f"Delete{word}": on_one(f"Delete{word}", "permission_denied"),
        f"Add{word}Members": Row(
            lambda tenant: getattr(pb, f"Add{word}MembersRequest")(
                **{id_field: roster_of(tenant, model)}, user_ids=[member_of(tenant)]
            ),
            foreign=id_field,
        ),
        f"Remove{word}Members": Row(
            lambda tenant: getattr(pb, f"Remove{word}MembersRequest")(
                **{id_field: roster_of(tenant, model)}, user_ids=[member_of(tenant)]
            ),
            foreign=id_field,
        ),
        f"List{word}Members": on_one(f"List{word}Members", "permission_denied"),
    }


def person_of(tenant: Tenant) -> Member:
    """Whose token "person" is; the founder before there is one."""
    members = Member.objects.with_person_and_role().filter(organization=tenant.organization, role__is_system=False)
    rights = {str(right) for right in Right}
    return next((one for one in members.order_by("-id") if set(one.role.rights) == rights), tenant.founder)


def of_person(happy: Make, **more: Any) -> Row:
    """A method for a person's token, about what is his own."""
    return Row(happy, by="person", refused=PERSON_ONLY, prepare=with_person, **more)


def with_person(world: World) -> None:
    world.credential("person")


def on_delivery(request: Any, **given: Any) -> Row:
    """A method about a message in the person's inbox."""
    return of_person(lambda tenant: request(delivery_id=delivery_of(tenant), **given), foreign="delivery_id")


def delivery_of(tenant: Tenant) -> str:
    return str(Mailing.of(tenant.organization).deliver(person_of(tenant))[0].pk)


def device_of(tenant: Tenant) -> str:
    device_id = uuid4()
    actor = tenants.signed_in(person_of(tenant))
    devices.register(device_id=device_id, platform="ios", push_token=new_name(), actor=actor, now=NOW)
    return str(device_id)


ROWS: dict[str, dict[str, Row]] = {
    "ActionService": {"SubmitAction": on_delivery(action_pb.SubmitActionRequest, action_id="ack", payload=b"gloves")},
    "ApiKeyService": {
        "CreateApiKey": Row(
            lambda tenant: api_key_pb.CreateApiKeyRequest(name="CI", permissions=[Permission.ORG_READ])
        ),
        "ListApiKeys": Row(lambda tenant: api_key_pb.ListApiKeysRequest()),
        "RevokeApiKey": Row(
            lambda tenant: api_key_pb.RevokeApiKeyRequest(api_key_id=key_of(tenant)), foreign="api_key_id"
        ),
    },
    "CampaignService": {
        "CreateCampaign": Row(
            lambda tenant: campaign_pb.CreateCampaignRequest(
                name=new_name(),
                template_id=str(campaigns.template(tenant.organization).pk),
                user_ids=[member_of(tenant)],
                workflow=WORKFLOW,
            ),
            foreign="template_id",
            foreign_code="invalid_argument",
        ),
        "StartCampaign": on_campaign("StartCampaign"),
        "GetCampaign": on_campaign("GetCampaign"),
        "ListCampaigns": Row(lambda tenant: campaign_pb.ListCampaignsRequest()),
        "CancelCampaign": on_campaign("CancelCampaign"),
        "UpdateCampaign": on_campaign("UpdateCampaign", title="Grey and white"),
        "ListDeliveries": on_campaign("ListDeliveries"),
    },
    "DeviceService": {
        "Register": of_person(
            lambda tenant: device_pb.RegisterRequest(
                device_id=device_of(tenant), platform=Platform.IOS, push_token=new_name()
            ),
            # Its own name for itself: another member's device may have the same.
            foreign="device_id",
            foreign_code="ok",
            without="ok",
        ),
        "Deactivate": of_person(
            lambda tenant: device_pb.DeactivateRequest(device_id=device_of(tenant)),
            foreign="device_id",
            without="not_found",
        ),
        "ListDevices": of_person(lambda tenant: device_pb.ListDevicesRequest(), without="ok"),
        "ListMemberDevices": Row(
            lambda tenant: device_pb.ListMemberDevicesRequest(user_id=member_of(tenant)), foreign="user_id"
        ),
    },
    "GroupService": {
        **rosters(group_pb, Group),
        "GetUserGroupMemberships": Row(
            lambda tenant: group_pb.GetUserGroupMembershipsRequest(user_ids=[member_of(tenant)]),
            foreign="user_ids",
            foreign_code="invalid_argument",
        ),
    },
    "HeatmapService": {
        "IngestTouchEvents": of_person(
            lambda tenant: heatmap_pb.IngestTouchEventsRequest(
                events=[
                    heatmap_pb.TouchEvent(
                        screen_name="Home", x_pct=0.5, y_pct=1, event_type=heatmap_pb.TouchEventType.TAP
                    )
                ]
            ),
            without="ok",
        ),
        "QueryHeatmapData": Row(
            lambda tenant: heatmap_pb.QueryHeatmapDataRequest(
                screen_name="Home", mode=heatmap_pb.HeatmapMode.USER_SPECIFIC, user_id=member_of(tenant)
            ),
            foreign="user_id",
            foreign_code="invalid_argument",
        ),
        "ListScreenshots": Row(lambda tenant: heatmap_pb.ListScreenshotsRequest()),
        "UploadScreenshot": Row(
            lambda tenant: heatmap_pb.UploadScreenshotRequest(screen_name="Home", image_data=heatmaps.png()),
            by="person",
            refused=PERSON_ONLY,
            without="ok",
        ),
    },
    "InboxService": {
        "Sync": of_person(lambda tenant: inbox_pb.SyncRequest(limit=20)),
        "MarkRead": on_delivery(inbox_pb.MarkReadRequest),
        "GetMessage": on_delivery(inbox_pb.GetMessageRequest),
    },
    "MemberService": {
        "InviteUser": Row(lambda tenant: member_pb.InviteUserRequest(email=f"{new_name()}@customer.example")),
        "GetUser": Row(lambda tenant: member_pb.GetUserRequest(user_id=member_of(tenant)), foreign="user_id"),
        "ListUsers": Row(lambda tenant: member_pb.ListUsersRequest()),
        "UpdateUserRole": Row(
            lambda tenant: member_pb.UpdateUserRoleRequest(user_id=member_of(tenant), role_id=role_of(tenant)),
            foreign="user_id",
        ),
        "DeactivateUser": Row(
            lambda tenant: member_pb.DeactivateUserRequest(user_id=member_of(tenant)), foreign="user_id"
        ),
        "UpdateUserProfile": Row(
            lambda tenant: member_pb.UpdateUserProfileRequest(
                user_id=member_of(tenant), profile=UserProfile(first_name="Nellie")
            ),
            foreign="user_id",
        ),
        "GetUserSettings": Row(
            lambda tenant: member_pb.GetUserSettingsRequest(), by="person", refused=PERSON_ONLY, without="ok"
        ),
        "UpdateUserSettings": Row(
            lambda tenant: member_pb.UpdateUserSettingsRequest(
                settings=UserSettings(theme_preference=ThemePreference.DARK)
            ),
            by="person",
            refused=PERSON_ONLY,
            without="ok",
        ),
    },
    "OrganizationService": {
        "CreateOrganization": Row(
            lambda tenant: organization_pb.CreateOrganizationRequest(
                name=new_name(), admin_email=f"{new_name()}@customer.example"
            ),
            by="organizations",
            refused=("key", "person", "render"),
        ),
        "GetOrganization": Row(lambda tenant: organization_pb.GetOrganizationRequest()),
        "UpdateOrganization": Row(lambda tenant: organization_pb.UpdateOrganizationRequest(name="Renamed")),
        "UpdateSsoAttributeMappings": Row(
            lambda tenant: organization_pb.UpdateSsoAttributeMappingsRequest(
                sso_attribute_mappings=[SsoAttributeMapping(idp_claim="dept", profile_field="department")]
            )
        ),
    },
    "RenderService": {
        # A key of a program belongs to no organization: with any template it works, and tells of each user.
        "RenderBatch": Row(
            lambda tenant: render_pb.RenderBatchRequest(
                template_id=template_of(tenant),
                users=[render_pb.UserRenderContext(user_id=member_of(tenant), variables={"day": "Monday"})],
            ),
            foreign="template_id",
            foreign_code="ok",
            by="render",
            refused=("key", "person", "organizations", "founder"),
        )
    },
    "ReplayService": {
        "ListSessionRecordings": Row(
            lambda tenant: replay_pb.ListSessionRecordingsRequest(campaign_id=campaign_of(tenant)),
            foreign="campaign_id",
            foreign_code="invalid_argument",
        ),
        "GetSessionSnapshots": Row(
            lambda tenant: replay_pb.GetSessionSnapshotsRequest(recording_id=recording_of(tenant)),
            foreign="recording_id",
        ),
    },
    "RoleService": {
        "ListRoles": Row(lambda tenant: role_pb.ListRolesRequest()),
        "CreateRole": Row(lambda tenant: role_pb.CreateRoleRequest(name=new_name(), permissions=[Permission.ORG_READ])),
        "UpdateRole": Row(
            lambda tenant: role_pb.UpdateRoleRequest(role_id=role_of(tenant), name=new_name()), foreign="role_id"
        ),
        "DeleteRole": Row(lambda tenant: role_pb.DeleteRoleRequest(role_id=role_of(tenant)), foreign="role_id"),
    },
    "SSOService": {
        "CheckSSOByDomain": Row(
            lambda tenant: sso_pb.CheckSSOByDomainRequest(email="nellie@customer.example"), refused=(), without="ok"
        ),
        "CreateSSOProvider": Row(
            lambda tenant: sso_pb.CreateSSOProviderRequest(
                domain=f"{new_name()}.example",
                type=sso_pb.SSOProviderType.OIDC,
                client_id="pigeon",
                client_secret="secret",
            ),
            prepare=without_provider,
        ),
        "GetSSOProvider": Row(lambda tenant: sso_pb.GetSSOProviderRequest(), prepare=with_provider),
        "DeleteSSOProvider": Row(
            lambda tenant: sso_pb.DeleteSSOProviderRequest(provider_id=provider_of(tenant)), foreign="provider_id"
        ),
    },
    "TeamService": rosters(team_pb, Team),
    "TemplateService": {
        "CreateTemplate": Row(
            lambda tenant: template_pb.CreateTemplateRequest(
                name=new_name(), body="On {{day}}", variables=[template_pb.TemplateVariable(name="day")]
            )
        ),
        "UpdateTemplate": Row(
            lambda tenant: template_pb.UpdateTemplateRequest(template_id=template_of(tenant), body="On {{day}}"),
            foreign="template_id",
        ),
        "GetTemplate": Row(
            lambda tenant: template_pb.GetTemplateRequest(template_id=template_of(tenant)), foreign="template_id"
        ),
        "ListTemplates": Row(lambda tenant: template_pb.ListTemplatesRequest()),
    },
}
