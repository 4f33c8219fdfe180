// The tabs that a first visit opens. GraphiQL reads the first tab's variables from elsewhere, so that one has none.
import addMember from "./add_member.graphql";
import createOrganization from "./create_organization.graphql";
import entitlements from "./entitlements.graphql";
import organizations from "./organizations.graphql";
import viewer from "./viewer.graphql";

const example = (query, variables) => ({ query, variables: JSON.stringify(variables, null, 2) });

export const examples = [
  { query: viewer },
  example(organizations, { first: 20 }),
  example(entitlements, { customerId: "cst_" }),
  example(addMember, { input: { organizationId: "org_", userId: "usr_", role: "MEMBER" } }),
  example(createOrganization, { input: { name: "Example" } }),
];
