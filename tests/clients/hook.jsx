// Shows components that ask `useEntitled` while what the customer has changes, and prints what is to be seen of them.
import { StrictMode } from "react";
import { createClient } from "graphql-ws";
import { leave, main, render, until } from "./page.mjs";
import { Reports } from "./Reports.jsx";
import { Entitlements } from "./useEntitled.jsx";

const { SEATGATE_URL: url, ADMINISTRATOR, FREE, MEMBER, OWNER } = process.env;

async function ask(token, query, variables) {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

const FIND = `query ($slug: String!) {
  organization(slug: $slug) { id customer { id } memberships { nodes { id user { email } } } }
}`;
const GIVE = `mutation ($customerId: ID!) {
  grantOverride(input: { customerId: $customerId, feature: "reports", reason: "A trial" }) { override { id } }
}`;
const TAKE = `mutation ($overrideId: ID!) {
  revokeOverride(input: { overrideId: $overrideId, reason: "The trial is over" }) { errors { __typename } }
}`;
const REMOVE = "mutation ($id: ID!) { removeMember(input: { membershipId: $id }) { errors { __typename } } }";
const ADD = `mutation ($id: ID!, $email: String!) {
  addMember(input: { organizationId: $id, email: $email }) { errors { __typename } }
}`;

function connect(token) {
  let away = Promise.resolve();
  const client = createClient({
    url: url.replace(/^http/, "ws"),
    connectionParams: { authorization: `Bearer ${token}` },
    retryWait: () => away,
  });
  const counted = {
    streams: 0,
    lose(meanwhile) {
      away = meanwhile;
      client.terminate();
    },
    subscribe(request, sink) {
      const stop = client.subscribe(request, sink);
      counted.streams += 1;
      return () => {
        counted.streams -= 1;
        stop();
      };
    },
  };
  return counted;
}

function show(client, customerId) {
  render(
    <StrictMode>
      <Entitlements client={client} customerId={customerId}>
        <Reports />
        <Reports />
      </Entitlements>
    </StrictMode>,
  );
}

const shown = () => [...main.querySelectorAll("a")].map((link) => link.textContent).join(" ");
const shows = async (text) => {
  await until(() => shown() === text);
  console.log(text || "nothing");
};

const { organization: garage } = await ask(FREE, FIND, { slug: "garage" });
const { organization: acme } = await ask(OWNER, FIND, { slug: "acme" });

const fred = connect(FREE);
show(fred, garage.customer.id);
await shows("Upgrade Upgrade");
const { grantOverride } = await ask(ADMINISTRATOR, GIVE, { customerId: garage.customer.id });
await shows("Reports Reports");
console.log(`${fred.streams} stream`);

// What happens while the socket is away is told when it is back.
fred.lose(ask(ADMINISTRATOR, TAKE, { overrideId: grantOverride.override.id }));
await shows("Upgrade Upgrade");

// Another's customer is nobody's.
show(fred, acme.customer.id);
await shows("");
leave();
console.log(`${fred.streams} streams`);

const max = connect(MEMBER);
show(max, acme.customer.id);
await shows("Reports Reports");
const membership = acme.memberships.nodes.find(({ user }) => user.email === "max@example.com");
await ask(OWNER, REMOVE, { id: membership.id });
await shows("");
leave();
await ask(OWNER, ADD, { id: acme.id, email: "max@example.com" });
process.exit();
