// Watches seats with a token that soon ends, and with another one after it, and prints what is told and what happens.
import { createClient } from "graphql-ws";

const { SEATGATE_URL: url, SEATGATE_TOKEN: lasting, SOON_OVER: soonOver } = process.env;

async function ask(query, variables) {
  const headers = { authorization: `Bearer ${lasting}`, "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ query, variables }) });
  return (await response.json()).data;
}

const { organization } = await ask('{ organization(slug: "acme") { id } }');
const ADD = `mutation ($id: ID!) {
  addMember(input: { organizationId: $id, email: "nina@example.com" }) { membership { id } }
}`;
const REMOVE = "mutation ($id: ID!) { removeMember(input: { membershipId: $id }) { removedMembershipId } }";
const SEATS = "subscription ($id: ID!) { seatsChanged(organizationId: $id) { used } }";

const tokens = [soonOver, lasting];
const client = createClient({
  url: url.replace(/^http/, "ws"),
  connectionParams: () => ({ authorization: `Bearer ${tokens.shift()}` }),
  retryWait: async () => {},
});
client.on("closed", ({ code }) => console.log(`closed: ${code}`));

const stream = client.iterate({ query: SEATS, variables: organization });
const told = async () => console.log((await stream.next()).value.data.seatsChanged.used);
await told();
await told();
const { addMember } = await ask(ADD, organization);
await told();
await ask(REMOVE, addMember.membership);
await told();
await stream.return();
