// What is told in words: alerts, releases and cost.
import { html, part, scrolling, table } from "./element.js";
import { moment, since } from "./format.js";

/** Alerts, the worst first: {alerts: [{name, state, severity, machine, summary, description, since}]} */
export function showAlerts({ alerts }) {
  const firing = alerts.filter(({ state }) => state === "firing").length;
  const pending = alerts.length - firing;
  const said = [];
  if (firing) said.push(`${firing} ${firing === 1 ? "alert fires" : "alerts fire"}`);
  if (pending) said.push(`${pending} ${pending === 1 ? "waits" : "wait"} to see whether it lasts`);
  const summary = part("alerts-summary");
  const text = said.length ? `${said.join(", ")}.` : "Nothing is wrong: no alert fires.";
  if (summary.textContent !== text) summary.textContent = text;
  part("alerts").replaceChildren(
    ...alerts.map((alert) =>
      html(
        "li",
        { class: `${alert.severity} ${alert.state}`, "data-alert": alert.name },
        html(
          "p",
          {},
          html("span", { class: `state ${alert.state === "firing" ? "ill" : "waiting"}` }, `${alert.state === "firing" ? "Fires" : "Pending"}, ${alert.severity}`),
          " ",
          html("strong", {}, alert.summary),
        ),
        alert.description ? html("p", {}, `What to do: ${alert.description}`) : null,
        html("p", { class: "quiet" }, [alert.name, alert.machine, alert.since ? `for ${since(alert.since)}, since ${moment(alert.since)}` : ""].filter(Boolean).join(" · ")),
      ),
    ),
  );
}

/** Releases within the time of the charts: {releases: [{at, version, release}]}, the newest first. */
export function showReleases({ releases }) {
  const rows = releases.map(({ at, version, release }) => [html("time", { datetime: new Date(at * 1000).toISOString() }, moment(at)), release || version, version]);
  part("releases").replaceChildren(
    rows.length
      ? scrolling("Releases", table(["Began to run", "Release", "Version"], rows.reverse()))
      : html("p", { class: "quiet" }, "No release began to run in the time that the charts show."),
    rows.length ? html("p", { class: "quiet" }, "On the charts they are dashed lines with a triangle on top.") : "",
  );
}

/** What the stack costs: {sentence, currency, per_month, lines: [{resource, kind, per_month}]} */
export function showCost({ sentence, currency, per_month, lines }) {
  const place = part("cost");
  place.replaceChildren(html("p", {}, sentence));
  if (!lines.length) return;
  const shown = table(["Resource", "Kind", `${currency} a month`], lines.map((line) => [line.resource, line.kind, line.per_month ?? "unknown"]), [2]);
  shown.append(html("tfoot", {}, html("tr", {}, html("th", { scope: "row", colspan: 2 }, "Together"), html("td", { class: "number" }, per_month ?? "unknown"))));
  place.append(scrolling("Cost of each resource", shown));
}
