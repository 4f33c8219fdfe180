// The explorer: GraphiQL under a bar that takes the token. The token lives in this page's state and nowhere else: a reload
// forgets it. What is typed into the editors stays in the tab's session storage and goes with the tab.
import "./workers.js";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./explorer.css";

import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import { KeyCode, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";

import { Bar } from "./bar.jsx";
import { examplesFor } from "./examples/index.js";
import { fetcherFor } from "./fetcher.js";
import { CLOSED_DOCS, examplesPanel } from "./panels.jsx";
import { NOBODY, recognized } from "./session.js";
import { arrange, storage } from "./tabs.js";

const HINT = "Enter a token to read the schema and to ask for data. Without one the server answers serverInfo and plans alone.";

// GraphiQL asks the system for its colours once, when it starts; this asks again when the system changes.
function SystemTheme() {
  const { setTheme } = useGraphiQLActions();
  const theme = useGraphiQL((state) => state.theme);
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(theme);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, [setTheme, theme]);
  return null;
}

// Who has entered a token goes on typing in the editor, where Ctrl-Enter runs. A phone's keyboard stays away.
function Focus() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => {
    if (matchMedia("(pointer: fine)").matches) {
      editor?.focus();
    }
  }, [editor]);
  return null;
}

// In an editor Tab indents, so that somebody with a keyboard alone needs another way out: Escape, unless it closes a list.
function WayOut() {
  const editors = useGraphiQL(({ queryEditor, variableEditor, responseEditor }) => [
    queryEditor,
    variableEditor,
    responseEditor,
  ]);
  useEffect(() => {
    const ways = editors.filter(Boolean).map((editor) => editor.addAction(wayOutOf(editor)));
    return () => ways.forEach((way) => way.dispose());
  }, editors);
  return null;
}

function wayOutOf(editor) {
  return {
    id: "leave-editor",
    label: "Leave the editor",
    keybindings: [KeyCode.Escape],
    keybindingContext: "!suggestWidgetVisible && !findWidgetVisible && !parameterHintsVisible && !editorHasSelection",
    run: () => editor.getContainerDomNode().focus(),
  };
}

/** GraphiQL for one session. It is made anew for the next one, so that no answer outlives the token that it was given to. */
function Session({ session, tell, onTabs }) {
  const examples = useMemo(() => examplesFor(session), [session]);
  const plugins = useMemo(() => [HISTORY_PLUGIN, examplesPanel(examples)], [examples]);
  const fetcher = useMemo(() => fetcherFor(session, tell), [session, tell]);
  useEffect(() => fetcher.dispose, [fetcher]);
  const { number, token } = session;
  // Only a credential may read the schema: without one, null keeps GraphiQL from asking.
  return (
    <GraphiQL
      fetcher={fetcher}
      schema={token ? undefined : null}
      schemaDescription
      inputValueDeprecation
      plugins={plugins}
      referencePlugin={token ? DOC_EXPLORER_PLUGIN : CLOSED_DOCS}
      storage={storage}
      shouldPersistHeaders={false}
      isHeadersEditorEnabled={false}
      defaultEditorToolsVisibility="variables"
      defaultQuery=""
      onTabChange={(state) => onTabs(number, state)}
      defaultTabs={examples.filter(({ opened }) => opened)}
    >
      <GraphiQL.Logo>
        <SystemTheme />
        <WayOut />
        {token && <Focus />}
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

/** Arranges a session's tabs and remembers them: storage hears of tabs late, and of those of a session before even later. */
function opened(session, tabs) {
  tabs.current = { number: session.number, state: arrange(session.key, examplesFor(session), tabs.current?.state) };
  return session;
}

function Explorer() {
  const tabs = useRef(null);
  const [session, setSession] = useState(() => opened({ ...NOBODY, number: 0 }, tabs));
  const [trouble, setTrouble] = useState(null);
  const [ended, setEnded] = useState(false);
  const [busy, setBusy] = useState(false);
  const begin = (next) => {
    setEnded(false);
    setSession(opened({ ...next, number: session.number + 1 }, tabs));
  };
  // What a session that is over still has to say of its tabs comes late and counts no more.
  const remember = useCallback((number, state) => {
    if (number === tabs.current.number) {
      tabs.current = { number, state };
    }
  }, []);
  const tell = useCallback((told) => {
    setTrouble(told);
    setEnded((before) => before || (told?.ended ?? false));
  }, []);
  const enter = async (credential) => {
    setBusy(true);
    const found = await recognized(credential);
    setBusy(false);
    setTrouble(found.trouble ?? null);
    if (found.session) {
      begin(found.session);
    }
  };
  const forget = () => {
    setTrouble(null);
    begin(NOBODY);
  };
  return (
    <>
      <Bar
        session={session}
        asking={!session.token || ended}
        busy={busy}
        onEnter={enter}
        onForget={forget}
      />
      <p className="notice" role="alert">{trouble?.text}</p>
      {!session.token && !trouble && <p className="hint">{HINT}</p>}
      <Session key={session.number} session={session} tell={tell} onTabs={remember} />
    </>
  );
}

createRoot(document.getElementById("explorer")).render(<Explorer />);
