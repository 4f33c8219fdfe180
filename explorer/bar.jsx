// The line above GraphiQL: whom the page asks for, or the form that takes a token.
import { useEffect, useRef, useState } from "react";

import icon from "./favicon.svg";
import { ADMINISTRATOR } from "./session.js";

const KEY = /^\s*(Bearer\s+)?sgk_/i;

export function Bar({ session, asking, busy, onEnter, onForget }) {
  return (
    <header className="bar">
      <strong className="brand">
        <img src={new URL(icon, import.meta.url)} alt="" />
        Seatgate
      </strong>
      {asking ? <TokenForm busy={busy} onEnter={onEnter} /> : <Who session={session} onForget={onForget} />}
      <nav aria-label="Elsewhere">
        {!asking && session.role === ADMINISTRATOR && <a href="/admin">Customers</a>}
        <a href={new URL("LICENSES.txt", import.meta.url)}>Licences</a>
      </nav>
    </header>
  );
}

function Who({ session, onForget }) {
  const { end, name, onBehalfOf, rank } = session;
  return (
    <>
      <p role="status" title="The token is in this page's memory and nowhere else; a reload forgets it.">
        <b>{name}</b>
        {onBehalfOf && " · by a key"}
        {rank && ` · ${rank}`}
        {end && <span className="end">until <time dateTime={end.toISOString()}>{written(end)}</time></span>}
      </p>
      <button type="button" onClick={onForget}>Forget</button>
    </>
  );
}

function written(instant) {
  return instant.toLocaleString([], { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

// Text fields, masked by the style sheet: browsers offer to store what is typed into a password field.
function TokenForm({ busy, onEnter }) {
  const field = useRef(null);
  const [token, setToken] = useState("");
  useEffect(() => (busy ? undefined : field.current.select()), [busy]);
  const enter = (event) => {
    event.preventDefault();
    const onBehalfOf = new FormData(event.currentTarget).get("on-behalf-of") ?? "";
    onEnter({ token: token.trim().replace(/^Bearer\s+/i, ""), onBehalfOf: onBehalfOf.trim() });
  };
  return (
    <form onSubmit={enter} autoComplete="off">
      <label htmlFor="token">Token</label>
      <input
        id="token"
        ref={field}
        className="secret"
        type="text"
        value={token}
        onChange={(event) => setToken(event.target.value)}
        placeholder="Bearer token or API key"
        required
        pattern="\s*([Bb]earer\s+)?[\w.~+\/\-]+=*\s*"
        title="A token: letters, digits and - . _ ~ + / ="
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
      />
      {KEY.test(token) && <OnBehalfOf />}
      <button type="submit" className="chief" disabled={busy}>{busy ? "Asking" : "Use"}</button>
    </form>
  );
}

/** A host's key may speak for one of its users; what it may do is then what both may. */
function OnBehalfOf() {
  return (
    <input
      name="on-behalf-of"
      type="text"
      aria-label="On behalf of a user (optional)"
      placeholder="on behalf of usr_… (optional)"
      pattern="\s*(usr_[0-9a-f]{32})?\s*"
      title="A user's id: usr_ and 32 digits"
      autoComplete="off"
      autoCapitalize="off"
      spellCheck={false}
    />
  );
}
