// What went wrong between this page and the server, in words for whoever sits before it.

export const UNREACHABLE = "The server cannot be reached. Is it running, and are you online?";
export const REFUSED = "This token is refused: it has ended, was revoked, or is not for this server.";
export const ENDED = "The token is not accepted any more: it has ended, or was revoked. Enter another one.";
export const LOST = "The live connection is lost; trying again.";

const STRANGE = "What answered is no Seatgate, or something between you and it failed";
const SOCKET_ENDED = 4403;
const SOCKETS = {
  1001: "The server is being stopped. Run the subscription again in a moment.",
  1008: "That was too much at once for a live connection. Run the subscription again in a moment.",
  1009: "What was sent is too large for a live connection.",
  1013: "The server has no room for another live connection right now. Run the subscription again in a moment.",
  4400: "The server did not understand what was sent over the live connection.",
  4408: "The live connection took too long to begin. Run the subscription again.",
};

/** A trouble: what to say, and whether the token has had its day. */
const trouble = (text, { ended = false } = {}) => ({ text, ended });

/** What an HTTP answer means beyond its own words; null when it is an ordinary answer. */
export function ofAnswer(response, answer, { token }) {
  if (answer === null) {
    return trouble(`${STRANGE}: it says ${response.status}, and no JSON.`);
  }
  const error = answer.errors?.[0];
  const code = error?.extensions?.code;
  if (response.status === 401) {
    return token ? trouble(ENDED, { ended: true }) : trouble("This needs a token. Enter one above.");
  }
  if (response.status === 429 || code === "RATE_LIMITED") {
    const seconds = error?.extensions?.retryAfterSeconds ?? response.headers.get("retry-after");
    return trouble(`That was too much at once. Try again ${seconds ? `in ${seconds} seconds` : "later"}.`);
  }
  if (response.status >= 500) {
    return trouble(`The server could not answer (${response.status}): ${error?.message ?? "it does not say why"}`);
  }
  return null;
}

/** What the end of a live connection means. The browser tells nothing of a handshake that was refused. */
export function ofSocket(cause, { token }) {
  if (cause?.code === SOCKET_ENDED) {
    return token ? trouble(ENDED, { ended: true }) : trouble("This needs a token. Enter one above.");
  }
  const known = SOCKETS[cause?.code];
  return trouble(known ?? `The live connection was refused, or broke off${cause?.reason ? `: ${cause.reason}` : "."}`);
}

export const unreachable = () => trouble(UNREACHABLE);
export const lost = () => trouble(LOST);
