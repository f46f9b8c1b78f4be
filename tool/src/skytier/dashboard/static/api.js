// Talking to the command that serves this page. Its errors say what happened and what to do.

export class Problem extends Error {
  constructor(status, what, todo) {
    super(what);
    this.status = status;
    this.todo = todo;
  }
}

const AGAIN_MS = 500;
const GONE = [
  "The command that serves this page does not answer.",
  "Start it again: skytier dashboard. This page goes on trying.",
];

/** The token that the address brought along: kept for this tab alone, out of sight and history. */
function token() {
  const brought = new URLSearchParams(location.hash.slice(1)).get("token");
  if (brought) {
    sessionStorage.setItem("token", brought);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") ?? "";
}

const KEY = token();

/** What the command says to a question. Throws a Problem. */
export async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  let answer, body;
  const request = () =>
    fetch(`/api/${path}${query ? `?${query}` : ""}`, {
      headers: { Authorization: `Bearer ${KEY}` },
      cache: "no-store",
    });
  try {
    // Browsers drop what is under way whenever this machine gets or loses a network.
    answer = await request().catch(() => new Promise((done) => setTimeout(done, AGAIN_MS)).then(request));
    body = await answer.json();
  } catch {
    throw new Problem(0, ...GONE);
  }
  if (!answer.ok) throw new Problem(answer.status, body.what, body.do);
  return body;
}
