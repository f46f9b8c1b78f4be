// A session that has ended: asks to sign in where the visitor is, then does the same again.
import { Problem, patiently } from "./api.js";
import { sendOnSubmit } from "./forms.js";

const dialog = document.querySelector("[data-sign-in]");
sendOnSubmit(dialog.querySelector("form"), () => dialog.close("done"));

/** Resolves to whether the visitor signed in again. */
function signInAgain() {
  const closed = new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "done"), { once: true });
  });
  dialog.returnValue = "";
  dialog.showModal();
  return closed;
}

/** Runs a request as somebody who is signed in. Throws the Problem when they would not. */
export async function signedIn(run) {
  for (;;) {
    try {
      return await patiently(run);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      if (!(await signInAgain())) throw problem;
    }
  }
}
