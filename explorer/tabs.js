// The editor's tabs, in the form in which GraphiQL keeps them in the tab's session storage. A form that it does not
// know it leaves alone, and opens the tabs that it is given.
import { NAMES } from "./examples/index.js";

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
 * Opens the examples of somebody else, and keeps what was typed: only examples that nobody has changed go, their variables
 * included. Nothing moves while the same person comes back. `open` are the tabs as they stand; without them, as they are
 * stored. Gives the tabs as they are then; null where there is no storage.
 */
export function arrange(whom, examples, open) {
  if (!storage) {
    return null;
  }
  const before = read(ARRANGED);
  if (before?.whom === whom) {
    return open ? keep(open) : read(TABS);
  }
  const { tabs: all, activeTabIndex: active } = open ?? read(TABS) ?? { tabs: [] };
  const own = all.filter((each) => each.query?.trim() && !isOffered(each, before?.offered));
  const tabs = [...examples.filter(({ opened }) => opened).map(tab), ...own];
  const first = own.find(({ id }) => id === all[active]?.id) ?? own[0];
  const offered = Object.fromEntries(examples.map(({ name, variables }) => [name, variables]));
  storage.setItem(ARRANGED, JSON.stringify({ whom, offered }));
  return keep({ tabs, activeTabIndex: Math.max(tabs.indexOf(first), 0) });
}

function isOffered({ query, variables }, offered) {
  const name = NAMES.get(query);
  return name !== undefined && (variables?.trim() || null) === (offered?.[name] ?? null);
}

function keep({ tabs, activeTabIndex }) {
  storage.setItem(TABS, JSON.stringify({ tabs: tabs.map(bare), activeTabIndex }));
  store(QUERY, tabs[activeTabIndex].query);
  store(VARIABLES, tabs[activeTabIndex].variables);
  return { tabs, activeTabIndex };
}

/** A tab without what was answered in it. */
function bare(tab) {
  return { ...tab, headers: null, response: null };
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

function read(key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}

function tab({ query, variables }) {
  const name = query.match(/^(?:query|mutation|subscription) (\w+)/m)[1];
  return { id: id(), title: name, query, variables, headers: null, operationName: name, response: null };
}
