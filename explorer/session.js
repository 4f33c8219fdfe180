// Whose page this is. A session is a credential and whom it names; it lives in the page's memory and nowhere else.
import { ask } from "./fetcher.js";
import * as troubles from "./troubles.js";

const WHO = `query Explorer {
  viewer {
    actor {
      __typename
      ... on Node { id }
      ... on User { name email }
      ... on ApiKey { label expiresAt organization { id name customer { id } } }
    }
    effectiveActor { ... on Node { id } ... on User { name email } ... on ApiKey { label } }
    administrator
    scopes
    memberships(first: 100) { nodes { role organization { id name customer { id } } } }
  }
}`;
const FIRST = `query Explorer {
  organizations(first: 1) { nodes { id name customer { id } } }
}`;
const RANKS = ["OWNER", "ADMIN", "MEMBER"];
export const ADMINISTRATOR = "administrator";

/** Before a token is entered, and after it is forgotten. */
export const NOBODY = { token: "", onBehalfOf: "", role: "anonymous", key: "anonymous" };

/** Asks the server whom a credential names, and gives the session, or the trouble that there is instead. */
export async function recognized(credential) {
  const { answer, status, trouble } = await ask({ query: WHO, operationName: "Explorer" }, credential);
  const viewer = answer?.data?.viewer;
  if (!viewer) {
    return { trouble: status === 401 ? { text: troubles.REFUSED } : (trouble ?? { text: refusal(answer) }) };
  }
  const memberships = viewer.memberships?.nodes ?? [];
  const best = RANKS.flatMap((rank) => memberships.filter(({ role }) => role === rank))[0];
  const organization = best?.organization ?? viewer.actor?.organization ?? (await anyOrganization(credential));
  return { session: { ...credential, ...named(viewer, credential), ...placed(viewer, best, organization) } };
}

function refusal(answer) {
  return `The server does not say whom this token names: ${answer?.errors?.[0]?.message ?? "it gives no reason"}`;
}

async function anyOrganization(credential) {
  const { answer } = await ask({ query: FIRST, operationName: "Explorer" }, credential);
  return answer?.data?.organizations?.nodes[0];
}

function named({ actor, effectiveActor }, { token }) {
  const person = effectiveActor ?? actor;
  return {
    key: `${actor?.id}/${person?.id}`,
    name: person?.name ?? person?.email ?? person?.label ?? person?.id ?? "Somebody",
    end: actor?.expiresAt ? new Date(actor.expiresAt) : endOf(token),
  };
}

/** The role picks the examples; an API key is judged by its scopes besides. */
function placed({ administrator, scopes, actor }, best, organization) {
  const isKey = actor?.__typename === "ApiKey";
  return {
    role: administrator ? ADMINISTRATOR : (best?.role ?? (isKey ? "OWNER" : "MEMBER")).toLowerCase(),
    rank: rankOf(administrator, best, isKey && actor),
    scopes: isKey ? scopes : null,
    place: organization && { organizationId: organization.id, customerId: organization.customer?.id },
  };
}

function rankOf(administrator, best, apiKey) {
  if (administrator) {
    return ADMINISTRATOR;
  }
  if (best) {
    return `${best.role} of ${best.organization.name}`;
  }
  return apiKey && `key of ${apiKey.organization?.name ?? "the host"}`;
}

/** When a JWT says that it ends; null when it does not say, or is no JWT. */
function endOf(token) {
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return Number.isFinite(claims.exp) ? new Date(claims.exp * 1000) : null;
  } catch {
    return null;
  }
}
