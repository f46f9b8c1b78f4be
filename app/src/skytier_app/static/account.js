// The account: what was saved, a new token, and deleting it.
import { Problem, notice, request, text } from "./api.js";
import { fillLists, showEvents, showTokens } from "./account-lists.js";
import { onSubmit, sendOnSubmit, values } from "./forms.js";
import { signedIn } from "./session.js";

const made = document.querySelector("[data-made]");

function clearPasswords(form) {
  for (const field of form.querySelectorAll("input[type=password]")) field.value = "";
}

for (const form of document.querySelectorAll("form[data-then=say]")) {
  const done = async () => {
    clearPasswords(form);
    await fillLists(); // a new password ends sessions and tokens
    notice(form.dataset.say); // last: each request takes the notice before away
  };
  sendOnSubmit(form, done, signedIn);
}

const creation = document.querySelector("form[data-then=token]");
const show = async ({ body }) => {
  made.querySelector("[data-token]").textContent = body.token;
  made.hidden = false;
  creation.reset();
  await showTokens();
  await showEvents();
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
  const { confirm, current_password } = values(deletion);
  if (confirm !== deletion.dataset.username) {
    const detail = text("account.delete_mismatch");
    throw new Problem(0, { detail, errors: [{ field: "confirm", detail }] });
  }
  await signedIn(() => request("DELETE", deletion.dataset.endpoint, { current_password }));
  location.assign("/");
});

await fillLists();
