// Plays the page of the guide in a browser's page, as its owner would, and prints what is to be seen on it.
import { Suspense } from "react";
import { RelayEnvironmentProvider, fetchQuery, graphql } from "react-relay";
import { environment } from "./environment.js";
import { button, leave, main, render, text, until } from "./page.mjs";
import { Boundary, Team } from "./Team.jsx";

const { SEATGATE_TOKEN: token, SEATGATE_URL: url } = process.env;
const names = () => [...main.querySelectorAll("#members > span")].map((row) => row.firstChild.textContent);

function show(headers) {
  const relay = environment(url, headers);
  render(
    <RelayEnvironmentProvider environment={relay}>
      <Boundary>
        <Suspense fallback="…">
          <Team slug="acme" pageSize={1} />
        </Suspense>
      </Boundary>
    </RelayEnvironmentProvider>,
  );
  return relay;
}

function add(email) {
  main.querySelector("input").value = email;
  button("Add").click();
}

const relay = show({ authorization: `Bearer ${token}` });
await until(() => text("h1") && text("#seats"));
console.log(text("h1"));

for (const list of ["#organizations", "#members"]) {
  for (let more; (more = button("More", main.querySelector(list))); ) {
    const shown = main.querySelectorAll(`${list} > span`).length;
    more.click();
    await until(() => main.querySelectorAll(`${list} > span`).length > shown);
  }
}
console.log([...main.querySelectorAll("#organizations > span")].map((row) => row.textContent).join(", "));
console.log(text("#reports"));
console.log(text("#seats"));

add("nina@example.com");
await until(() => names().includes("Nina Next") && text("#seats").startsWith("3"));
console.log(names().join(", "));
console.log(text("#seats"));

for (const [email, answer] of [["liam@example.com", "seats"], ["nobody@example.com", "user"]]) {
  add(email);
  await until(() => text("[role=alert]")?.includes(answer));
  console.log(text("[role=alert]"));
}

const nina = [...main.querySelectorAll("#members > span")].find((row) => row.textContent.startsWith("Nina"));
button("Remove", nina).click();
await until(() => !names().includes("Nina Next") && text("#seats").startsWith("2"));
console.log(text("#seats"));

const page = graphql`
  query relayLostQuery($after: String) {
    organizations(after: $after) { nodes { id } }
  }
`;
await fetchQuery(relay, page, { after: "nonsense" })
  .toPromise()
  .catch(({ code, requestId }) => console.log(`${code}, request ${requestId}`));
leave();

for (const headers of [{}, { authorization: "Bearer of-yesterday" }]) {
  show(headers);
  await until(() => text("[role=alert]"));
  console.log(text("[role=alert]"));
  leave();
}
// Relay keeps what it has read for minutes, and Node would wait for that.
process.exit();
