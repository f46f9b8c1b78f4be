// Times in the visitor's own zone and language.
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
// A day is a day in UTC, and must not move to the one before.
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

export function localTimes(root) {
  for (const element of root.querySelectorAll("time")) {
    const date = new Date(element.dateTime);
    if ("day" in element.dataset) {
      element.textContent = day.format(date);
    } else {
      element.textContent = moment.format(date);
      element.title = exact.format(date);
    }
  }
}

export function localTime(value) {
  return moment.format(new Date(value));
}
