// What stands beside GraphiQL's own panels: the examples, and the schema's place while nobody may see it.
import { DocsIcon, useGraphiQL, useGraphiQLActions } from "@graphiql/react";

const KINDS = { query: "Ask", subscription: "Watch", mutation: "Change" };
// As in the style sheet.
const NARROW = "(width < 700px)";

/** The panel of the examples for one session. */
export function examplesPanel(examples) {
  return { title: "Examples", icon: ExamplesIcon, content: () => <Examples examples={examples} /> };
}

/** In the place of the schema's documentation for those without a token. */
export const CLOSED_DOCS = {
  title: "Documentation Explorer",
  icon: DocsIcon,
  content: () => (
    <section className="panel" aria-label="Documentation Explorer">
      <h2>Docs</h2>
      <p>The schema is shown to those with a token. Enter one above, and it is read from the server at once.</p>
      <p>Without one the server answers <code>serverInfo</code> and <code>plans</code>.</p>
    </section>
  ),
};

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 20 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M3 5h14M3 12h14M3 19h8" strokeLinecap="round" />
      <path d="m13.5 16.5 4 2.5-4 2.5z" fill="currentColor" strokeLinejoin="round" />
    </svg>
  );
}

function Examples({ examples }) {
  const open = useOpened();
  return (
    <section className="panel examples" aria-label="Examples">
      <h2>Examples</h2>
      {Object.entries(KINDS).map(([kind, heading]) => {
        const some = examples.filter((each) => each.kind === kind);
        return some.length > 0 && (
          <div key={kind}>
            <h3>{heading}</h3>
            <ul>
              {some.map((example) => (
                <li key={example.name}>
                  <button type="button" onClick={() => open(example)}>
                    <b>{example.title}</b>
                    <span>{example.about}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
    </section>
  );
}

/** Opens an example: in the tab where it stands unchanged, or in a new one. On a phone the panel makes room for it. */
function useOpened() {
  const { addTab, changeTab, setVisiblePlugin, updateActiveTabValues } = useGraphiQLActions();
  const tabs = useGraphiQL((state) => state.tabs);
  const queryEditor = useGraphiQL((state) => state.queryEditor);
  const variableEditor = useGraphiQL((state) => state.variableEditor);
  // GraphiQL notes what stands in a tab a moment later, and not at all when another tab is chosen before that.
  const keep = () => updateActiveTabValues({ query: queryEditor.getValue(), variables: variableEditor.getValue() });
  return ({ query, variables }) => {
    const there = tabs.findIndex((tab) => tab.query === query);
    if (there >= 0) {
      keep();
      changeTab(there);
    } else {
      addTab();
      queryEditor.setValue(query);
      variableEditor.setValue(variables ?? "");
      keep();
    }
    if (matchMedia(NARROW).matches) {
      setVisiblePlugin(null);
    } else {
      queryEditor.focus();
    }
  };
}
