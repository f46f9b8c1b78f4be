// The account's lists: sessions, tokens, and the security log.
import { Problem, notice, request, text } from "./api.js";
import { browserName } from "./browser-name.js";
import { signedIn } from "./session.js";
import { localTime } from "./times.js";

const sessions = document.querySelector("[data-sessions]");
const tokens = document.querySelector("[data-tokens]");
const events = document.querySelector("[data-events]");
const more = document.querySelector("[data-more]");
let older = null;

function element(name, content, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(content);
  return made;
}

/** An item of a list: a name, what is said of it, and perhaps a button. */
function item(name, details, ...buttons) {
  const made = element("li", element("strong", name));
  const said = details.filter(Boolean).join(" · ");
  made.append(element("span", said, { className: "quiet" }), ...buttons);
  return made;
}

/** A button that deletes what is at an address, and shows the lists anew. */
function remove(label, name, address) {
  const attributes = { type: "button", className: "plain danger", ariaLabel: `${label}: ${name}` };
  const button = element("button", label, attributes);
  button.addEventListener("click", async () => {
    const list = button.closest("ul");
    button.disabled = true;
    document.querySelector("[data-made]").hidden = true;
    try {
      await signedIn(() => request("DELETE", address));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notice(problem.message); // ended elsewhere, say: the list below is fresh
    }
    await fillLists();
    list.focus(); // the button that had it is gone
  });
  return button;
}

async function showSessions() {
  const address = sessions.dataset.sessions;
  const { body } = await signedIn(() => request("GET", address));
  sessions.replaceChildren(
    ...body.map((session) => {
      const name = browserName(session.user_agent) ?? text("account.session_unknown");
      const since = text("account.session_since", { time: localTime(session.created_at) });
      if (session.is_this) return item(name, [text("account.session_this"), session.address, since]);
      const end = remove(text("account.session_end"), name, `${address}/${session.id}`);
      return item(name, [session.address, since], end);
    }),
  );
}

export async function showTokens() {
  const { body } = await signedIn(() => request("GET", "/api/tokens"));
  tokens.replaceChildren(
    ...body.map((token) => {
      const revoke = remove(text("account.token_revoke"), token.name, `/api/tokens/${token.id}`);
      return item(token.name, [text(`account.scope_${token.scope}`), end(token), use(token)], revoke);
    }),
  );
  if (!body.length) tokens.append(element("li", text("account.token_none")));
}

function end(token) {
  if (!token.expires_at) return text("account.expires_0");
  const key = new Date(token.expires_at) < new Date() ? "account.expired" : "account.expires";
  return text(key, { time: localTime(token.expires_at) });
}

function use(token) {
  if (!token.last_used_at) return text("account.token_never_used");
  return `${text("account.token_used")} ${localTime(token.last_used_at)}`;
}

async function showEventsAt(address) {
  const { body, headers } = await signedIn(() => request("GET", address));
  const rows = body.map((event) => {
    const by = event.actor && text("account.log_by", { actor: event.actor });
    const details = [event.subject, by, localTime(event.created_at), event.address];
    return item(text(`event.${event.kind}`), [...details, browserName(event.user_agent)]);
  });
  older = headers.get("Link")?.match(/<([^>]+)>/)?.[1] ?? null;
  more.hidden = !older;
  return rows;
}

export async function showEvents() {
  events.replaceChildren(...(await showEventsAt(events.dataset.events)));
}

more.addEventListener("click", async () => {
  const rows = await showEventsAt(older);
  events.append(...rows);
  if (more.hidden) events.focus();
});

export async function fillLists() {
  await showSessions();
  await showTokens();
  await showEvents();
}
