// How the page asks: queries and mutations over HTTP, subscriptions over one socket, all with the session's credential.
import { parse } from "graphql";
import { CloseCode, createClient } from "graphql-ws";

import * as troubles from "./troubles.js";

const ENDPOINT = "/graphql";
const SOCKET = location.origin.replace(/^http/, "ws") + ENDPOINT;
const RETRIES = 5;
// These closes are verdicts, too much and too large among them: asking again would only hear them again.
const FINAL = new Set([CloseCode.Forbidden, 1008, 1009]);
const WANTED = 1000;

/** The headers of a credential; the socket takes the same as its connection's parameters. */
function headersOf({ token, onBehalfOf }) {
  return {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(onBehalfOf && { "x-seatgate-on-behalf-of": onBehalfOf }),
  };
}

/** Asks over HTTP and gives the answer with what is to be told of it; `answer` is null when none came, or no JSON. */
export async function ask(params, credential) {
  let response;
  try {
    response = await fetch(ENDPOINT, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/graphql-response+json, application/json;q=0.9",
        ...headersOf(credential),
      },
      body: JSON.stringify(params),
    });
  } catch {
    return { answer: null, trouble: troubles.unreachable() };
  }
  const answer = await response.json().catch(() => null);
  return { answer, status: response.status, trouble: troubles.ofAnswer(response, answer, credential) };
}

/**
 * What GraphiQL asks with. `report` hears of each trouble, and null when all is well again.
 * `dispose` ends the socket; nothing is reported after it.
 */
export function fetcherFor(credential, report) {
  let disposed = false;
  const tell = (trouble) => disposed || report(trouble);
  const socket = createClient({
    url: SOCKET,
    connectionParams: headersOf(credential),
    retryAttempts: RETRIES,
    shouldRetry: (cause) => !FINAL.has(cause?.code),
    on: {
      connected: () => tell(null),
      closed: ({ code }) => code === WANTED || tell(troubles.lost()),
    },
  });

  async function fetcher(asked) {
    const { params, kind } = chosen(asked);
    if (kind === "subscription") {
      return { subscribe: (observer) => ({ unsubscribe: watch(params, observer) }) };
    }
    const { answer, trouble } = await ask(params, credential);
    tell(trouble);
    return answer ?? { errors: [{ message: trouble.text }] };
  }

  function watch(params, observer) {
    return socket.subscribe(params, {
      next: (result) => observer.next(result),
      complete: () => observer.complete(),
      error: (cause) => {
        // Errors of the operation come as a list; everything else is the connection's end.
        if (Array.isArray(cause)) {
          observer.next({ errors: cause });
        } else {
          const trouble = troubles.ofSocket(cause, credential);
          tell(trouble);
          observer.next({ errors: [{ message: trouble.text }] });
        }
        observer.complete();
      },
    });
  }

  fetcher.dispose = () => {
    disposed = true;
    socket.dispose();
  };
  return fetcher;
}

/**
 * The operation that is to run, and its kind. The document is read anew: for a moment after a tab was changed GraphiQL
 * still has the name of the other tab's operation, which may not be in this document.
 */
function chosen(params) {
  const operations = operationsOf(params.query);
  const operation = operations.find(({ name }) => name?.value === params.operationName) ?? operations[0];
  const name = operations.length === 1 ? operation.name?.value : params.operationName;
  return { params: { ...params, operationName: name }, kind: operation?.operation };
}

/** None when the document cannot be read: then the server says why. */
function operationsOf(query) {
  try {
    return parse(query).definitions.filter(({ kind }) => kind === "OperationDefinition");
  } catch {
    return [];
  }
}
