// Talking to the API. Errors are its problem documents; an unreachable server is one too.

export class Problem extends Error {
  constructor(status, document, headers) {
    super(document.detail);
    this.status = status;
    // The same request came before, and is being answered: its answer comes to who asks again.
    this.isUnderWay = status === 409 && Boolean(headers?.has("Retry-After"));
    this.errors = document.errors ?? [];
  }
}

const OFFLINE = 0;

export const isOffline = (problem) => problem.status === OFFLINE || problem.status === 502;

/** The answer to a request: {body, headers}. Throws a Problem. */
export async function request(method, address, body, headers = {}) {
  let answer;
  try {
    answer = await fetch(address, {
      method,
      headers: body === undefined ? headers : { "Content-Type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Problem(OFFLINE, { detail: text("script.offline") });
  }
  const isJson = answer.headers.get("Content-Type")?.includes("json");
  const document = isJson ? await answer.json() : null;
  if (!answer.ok) {
    throw new Problem(answer.status, document ?? { detail: answer.statusText }, answer.headers);
  }
  return { body: document, headers: answer.headers };
}

const texts = {};
for (const element of document.querySelectorAll("#texts, [data-texts]")) {
  Object.assign(texts, JSON.parse(element.textContent));
}

/** A text of the catalogue, with its {places} filled in. */
export function text(key, places = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => places[name]);
}

/** A new Idempotency-Key: what is sent again with its key is done once. */
export function newKey() {
  // crypto.randomUUID is for pages that came by TLS, or from this machine.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `"${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}"`;
}

/** Say something at the page's foot; an empty text takes it away. */
export function notice(message) {
  const element = document.getElementById("notice");
  element.textContent = message;
  element.hidden = !message;
}

/** Runs a request until the server is there again; what was typed stays where it is. */
export async function patiently(run) {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15000)) {
    try {
      const result = await run();
      notice("");
      return result;
    } catch (problem) {
      const passes = problem instanceof Problem && (isOffline(problem) || problem.isUnderWay);
      if (!passes) {
        notice("");
        throw problem;
      }
      if (!problem.isUnderWay) notice(text("script.waiting"));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
