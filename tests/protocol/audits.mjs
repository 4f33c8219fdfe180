// The audits of graphql-http, whose authors wrote the specification of GraphQL over HTTP, on the server at argv[2],
// asked with the token argv[3], because some audits introspect.
import { serverAudits } from 'graphql-http';

const [url, token] = process.argv.slice(2);
const authorized = (to, options) =>
  fetch(to, { ...options, headers: { ...options?.headers, authorization: `Bearer ${token}` } });
const audits = serverAudits({ url, fetchFn: authorized });
let failed = 0;
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== 'ok') {
    failed += 1;
    console.log(`${audit.id} ${audit.name}: ${result.status}, ${result.reason}`);
  }
}
console.log(`${audits.length - failed} passed, ${failed} failed`);
process.exit(failed || audits.length !== 61 ? 1 : 0);
