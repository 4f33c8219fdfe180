// The explorer: GraphiQL under a bar that takes the bearer token. The token lives in this component's state and nowhere else:
// a reload forgets it. What is typed into the editors stays in the tab's session storage and goes with the tab.
import "./workers.js";
import "@graphiql/react/style.css";
import "@graphiql/plugin-doc-explorer/style.css";
import "@graphiql/plugin-history/style.css";
import "graphiql/graphiql.css";
import "./explorer.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { createClient } from "graphql-ws";
import { useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { examples } from "./examples/index.js";

const ENDPOINT = "/graphql";
const SOCKET = location.origin.replace(/^http/, "ws") + ENDPOINT;

function fetcherFor(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  return createGraphiQLFetcher({
    url: ENDPOINT,
    headers,
    wsClient: createClient({ url: SOCKET, connectionParams: headers }),
    enableIncrementalDelivery: false,
  });
}

function TokenBar({ token, onToken }) {
  const enter = (event) => {
    event.preventDefault();
    onToken(new FormData(event.currentTarget).get("token").trim().replace(/^Bearer\s+/i, ""));
  };
  if (token) {
    return (
      <div className="token-bar">
        <span role="status">Token in use, kept in this tab's memory only.</span>
        <button type="button" onClick={() => onToken("")}>Forget</button>
        <Licences />
      </div>
    );
  }
  // A text field, masked by the style sheet: browsers offer to store what is typed into a password field.
  return (
    <form className="token-bar" onSubmit={enter}>
      <label htmlFor="token">Bearer token</label>
      <input
        id="token"
        name="token"
        type="text"
        placeholder="Bearer token"
        required
        pattern="\s*([Bb]earer\s+)?[\w.~+\/\-]+=*\s*"
        title="A token: letters, digits and - . _ ~ + / ="
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
      />
      <button type="submit">Use</button>
      <Licences />
    </form>
  );
}

function Licences() {
  return <a href={new URL("LICENSES.txt", import.meta.url)}>Licences</a>;
}

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

function Explorer() {
  const [token, setToken] = useState("");
  const fetcher = useMemo(() => fetcherFor(token), [token]);
  // Only a credential may read the schema: without one, null keeps GraphiQL from asking.
  return (
    <>
      <TokenBar token={token} onToken={setToken} />
      <GraphiQL
        fetcher={fetcher}
        schema={token ? undefined : null}
        storage={sessionStorage}
        shouldPersistHeaders={false}
        isHeadersEditorEnabled={false}
        defaultEditorToolsVisibility="variables"
        defaultQuery=""
        defaultTabs={examples}
      >
        <GraphiQL.Logo>
          Seatgate
          <SystemTheme />
        </GraphiQL.Logo>
      </GraphiQL>
    </>
  );
}

createRoot(document.getElementById("explorer")).render(<Explorer />);
