// The account: what was saved, tokens, and deleting it.
import { Problem, notice, patiently, request, text } from "./api.js";
import { sendOnSubmit, showProblem, values } from "./forms.js";
import { localTime } from "./times.js";

const list = document.querySelector("[data-tokens]");
const made = document.querySelector("[data-made]");

function element(name, content, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(content);
  return made;
}

async function showTokens() {
  const { body: tokens } = await patiently(() => request("GET", "/api/tokens"));
  list.replaceChildren(...tokens.map(row));
  if (!tokens.length) list.append(element("li", text("account.token_none")));
}

function row(token) {
  const used = token.last_used_at
    ? `${text("account.token_used")} ${localTime(token.last_used_at)}`
    : text("account.token_never_used");
  const revoke = element("button", text("account.token_revoke"), {
    type: "button",
    className: "plain danger",
    ariaLabel: `${text("account.token_revoke")}: ${token.name}`,
  });
  revoke.addEventListener("click", async () => {
    revoke.disabled = true;
    await patiently(() => request("DELETE", `/api/tokens/${token.id}`));
    made.hidden = true;
    await showTokens();
  });
  const item = element("li", element("strong", token.name));
  item.append(element("span", used, { className: "quiet" }), revoke);
  return item;
}

for (const form of document.querySelectorAll("form[data-then=say]")) {
  sendOnSubmit(form, () => {
    notice(form.dataset.say);
    if ("clear" in form.dataset) form.reset();
  });
}

const creation = document.querySelector("form[data-then=token]");
sendOnSubmit(creation, async ({ body }) => {
  made.querySelector("[data-token]").textContent = body.token;
  made.hidden = false;
  creation.reset();
  await showTokens();
});

made.querySelector("[data-copy]").addEventListener("click", async () => {
  await navigator.clipboard.writeText(made.querySelector("[data-token]").textContent);
  notice(text("account.token_copied"));
});

const deletion = document.querySelector("[data-delete-account]");
deletion.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (values(deletion).confirm !== deletion.dataset.username) {
    const detail = text("account.delete_mismatch");
    showProblem(deletion, new Problem(0, { detail, errors: [{ field: "confirm", detail }] }));
    return;
  }
  try {
    await patiently(() => request("DELETE", deletion.dataset.endpoint));
    location.assign("/");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    showProblem(deletion, problem);
  }
});

await showTokens();
