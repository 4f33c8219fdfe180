// The editor's tabs, in the form in which GraphiQL keeps them in the tab's session storage. A form that it does not
// know it leaves alone, and opens the tabs that it is given.
import { KNOWN } from "./examples/index.js";

const TABS = "graphiql:tabState";
const QUERY = "graphiql:query";
const VARIABLES = "graphiql:variables";
const ARRANGED = "seatgate:arranged";

/** The tab's session storage; null where the browser gives none, and then a reload forgets what was typed. */
export const storage = (() => {
  try {
    return globalThis.sessionStorage;
  } catch {
    return null;
  }
})();

/**
 * Opens the examples of somebody else, and keeps what was typed: only examples that nobody has changed go.
 * Nothing moves while the same person comes back.
 */
export function arrange(whom, examples) {
  if (!storage || storage.getItem(ARRANGED) === whom) {
    return;
  }
  const own = kept();
  const tabs = [...examples.filter(({ opened }) => opened).map(tab), ...own];
  const activeTabIndex = own.length > 0 ? tabs.indexOf(own[0]) : 0;
  storage.setItem(TABS, JSON.stringify({ tabs, activeTabIndex }));
  store(QUERY, tabs[activeTabIndex].query);
  store(VARIABLES, tabs[activeTabIndex].variables);
  storage.setItem(ARRANGED, whom);
}

function store(key, value) {
  if (value) {
    storage.setItem(key, value);
  } else {
    storage.removeItem(key);
  }
}

// randomUUID is there only over TLS and on this machine.
function id() {
  return crypto.getRandomValues(new Uint32Array(4)).join("-");
}

function kept() {
  try {
    return JSON.parse(storage.getItem(TABS)).tabs.filter(({ query }) => query?.trim() && !KNOWN.has(query));
  } catch {
    return [];
  }
}

function tab({ query, variables }) {
  const name = query.match(/^(?:query|mutation|subscription) (\w+)/m)[1];
  return { id: id(), title: name, query, variables, headers: null, operationName: name, response: null };
}
