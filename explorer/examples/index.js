// The example operations, by role. examples.json says who is shown which, what opens as a tab, and with which variables.
import addMember from "./add_member.graphql";
import auditEvents from "./audit_events.graphql";
import createOrganization from "./create_organization.graphql";
import driftReport from "./drift_report.graphql";
import entitlements from "./entitlements.graphql";
import entitlementsChanged from "./entitlements_changed.graphql";
import table from "./examples.json";
import explain from "./explain.graphql";
import grantOverride from "./grant_override.graphql";
import inviteMember from "./invite_member.graphql";
import organizations from "./organizations.graphql";
import plans from "./plans.graphql";
import seatsChanged from "./seats_changed.graphql";
import serverInfo from "./server_info.graphql";
import viewer from "./viewer.graphql";
import webhookEvents from "./webhook_events.graphql";

const QUERIES = {
  add_member: addMember,
  audit_events: auditEvents,
  create_organization: createOrganization,
  drift_report: driftReport,
  entitlements,
  entitlements_changed: entitlementsChanged,
  explain,
  grant_override: grantOverride,
  invite_member: inviteMember,
  organizations,
  plans,
  seats_changed: seatsChanged,
  server_info: serverInfo,
  viewer,
  webhook_events: webhookEvents,
};

/** The names of the examples by their words; what somebody has changed is theirs. */
export const NAMES = new Map(Object.entries(QUERIES).map(([name, query]) => [query, name]));

const DAY = 24 * 60 * 60 * 1000;

/** The examples for somebody, with the ids of a place of theirs filled in where they have one. */
export function examplesFor({ role, scopes, place }) {
  const words = {
    organization: place?.organizationId ?? "org_",
    customer: place?.customerId ?? "cst_",
    tomorrow: new Date((Math.floor(Date.now() / DAY) + 2) * DAY).toISOString(),
  };
  return Object.entries(table)
    .filter(([, { for: roles, scope }]) => roles.includes(role) && (!scopes || !scope || scopes.includes(scope)))
    .map(([name, { tabs, variables }]) => ({
      name,
      opened: tabs.includes(role),
      query: QUERIES[name],
      variables: variables ? filled(variables, words) : null,
      ...told(QUERIES[name]),
    }));
}

function filled(variables, words) {
  return JSON.stringify(variables, null, 2).replace(/\{(\w+)\}/g, (whole, word) => words[word] ?? whole);
}

/** What an operation's own first lines say of it: its kind, its name and the comment above. */
function told(query) {
  const [, kind, title] = query.match(/^(query|mutation|subscription) (\w+)/m);
  const about = [...query.matchAll(/^# (.*)$/gm)].map(([, line]) => line).join(" ");
  return { kind, title: title.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), about };
}
