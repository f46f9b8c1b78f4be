// A session that has ended: asks to sign in where the visitor is, then does the same again.
import { Problem, patiently } from "./api.js";
import { sendOnSubmit } from "./forms.js";

const dialog = document.querySelector("[data-sign-in]");
sendOnSubmit(dialog.querySelector("form"), () => dialog.close("done"));

let asking = null; // one dialog, however many requests wait for it
let signedInTimes = 0;

/** Resolves to whether the visitor signed in again. */
function signInAgain() {
  asking ??= new Promise((resolve) => {
    const closed = () => {
      asking = null;
      const isDone = dialog.returnValue === "done";
      if (isDone) signedInTimes += 1;
      resolve(isDone);
    };
    dialog.addEventListener("close", closed, { once: true });
    dialog.returnValue = "";
    dialog.showModal();
  });
  return asking;
}

/** Runs a request as somebody who is signed in. Throws the Problem when they would not. */
export async function signedIn(run) {
  for (;;) {
    const before = signedInTimes;
    try {
      return await patiently(run);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
      // A late answer may be about the session before: then the request is sent again.
      if (before === signedInTimes && !(await signInAgain())) throw problem;
    }
  }
}
