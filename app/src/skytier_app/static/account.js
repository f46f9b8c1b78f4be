// The account: what was saved, tokens, and deleting it.
import { Problem, notice, request, text } from "./api.js";
import { onSubmit, sendOnSubmit, values } from "./forms.js";
import { signedIn } from "./session.js";
import { localTime } from "./times.js";

const list = document.querySelector("[data-tokens]");
const made = document.querySelector("[data-made]");

function element(name, content, attributes = {}) {
  const made = Object.assign(document.createElement(name), attributes);
  made.append(content);
  return made;
}

async function showTokens() {
  const { body: tokens } = await signedIn(() => request("GET", "/api/tokens"));
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
    made.hidden = true;
    try {
      await signedIn(() => request("DELETE", `/api/tokens/${token.id}`));
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      notice(problem.message); // revoked elsewhere, say: the list below is fresh
    }
    await showTokens();
    list.focus(); // the button that had it is gone
  });
  const item = element("li", element("strong", token.name));
  item.append(element("span", used, { className: "quiet" }), revoke);
  return item;
}

for (const form of document.querySelectorAll("form[data-then=say]")) {
  const done = () => {
    notice(form.dataset.say);
    if ("clear" in form.dataset) form.reset();
  };
  sendOnSubmit(form, done, signedIn);
}

const creation = document.querySelector("form[data-then=token]");
const show = async ({ body }) => {
  made.querySelector("[data-token]").textContent = body.token;
  made.hidden = false;
  creation.reset();
  await showTokens();
};
sendOnSubmit(creation, show, signedIn);

const copy = made.querySelector("[data-copy]");
copy.hidden = !navigator.clipboard; // which browsers give to TLS and to this machine only
copy.addEventListener("click", async () => {
  await navigator.clipboard.writeText(made.querySelector("[data-token]").textContent);
  notice(text("account.token_copied"));
});

const deletion = document.querySelector("[data-delete-account]");
onSubmit(deletion, async () => {
  if (values(deletion).confirm !== deletion.dataset.username) {
    const detail = text("account.delete_mismatch");
    throw new Problem(0, { detail, errors: [{ field: "confirm", detail }] });
  }
  await signedIn(() => request("DELETE", deletion.dataset.endpoint));
  location.assign("/");
});

await showTokens();
