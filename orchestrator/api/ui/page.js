"use strict";
// The status page. Everything that comes from the host is put in as text, never as markup.

const MOODS = {
  converged: "good", progressing: "warn", waiting: "warn", pending: "idle", drifted: "warn", degraded: "bad",
  failed: "bad", invalid: "bad", suspended: "idle", stopped: "idle", unreachable: "bad", current: "good", stale: "bad", empty: "bad",
};
const view = document.getElementById("view");
const login = document.getElementById("login");
let shown = 0; // which drawing is the newest: answers to older ones are dropped
let picture = ""; // the address of the graph's picture, to be let go

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}

async function ask(path, options = {}) {
  const token = sessionStorage.getItem("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  if (answer.status === 401 || answer.status === 429) {
    const error = (await answer.json()).error;
    throw Object.assign(new Error(error.message), { locked: true });
  }
  if (!answer.ok) {
    let message = `the daemon answered ${answer.status}`;
    try { message = (await answer.json()).error.message; } catch { /* not JSON: the number has to do */ }
    throw new Error(message);
  }
  return answer;
}

const json = async (path) => (await ask(path)).json();

function ago(moment) {
  if (!moment) return "never";
  const seconds = Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s ago`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

const phase = (word) => make("span", { class: `phase ${MOODS[word] || "idle"}` }, word);

function table(headings, rows, empty) {
  if (!rows.length) return make("p", { class: "empty" }, empty);
  return make("div", { class: "table", tabindex: "0", role: "region", "aria-label": headings.join(", ") },
    make("table", {},
      make("thead", {}, make("tr", {}, headings.map((one) => make("th", { scope: "col" }, one)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((cell) => make("td", {}, cell)))))));
}

function card(stack) {
  return make("li", { class: "card" },
    make("h3", {}, make("a", { href: `#/${encodeURIComponent(stack.name)}` }, stack.name)),
    phase(stack.phase),
    make("p", {}, `${stack.ready} of ${stack.wanted} ready`, stack.drifted ? `, ${stack.drifted} drifted` : "",
      stack.mode === "enforce" ? "" : `, ${stack.mode}`),
    stack.message ? make("p", {}, stack.message, stack.where ? ` (${stack.where})` : "") : null,
    stack.source ? make("p", {}, `from ${stack.source}, commit ${short(stack.version)}`) : null,
    make("p", {}, changed(stack)));
}

const short = (commit) => (commit || "-").slice(0, 12);
const changed = (stack) => stack.changed_at ? `changed ${ago(stack.changed_at)}` : "no changes since the daemon began";

function sources(found) {
  const rows = found.map((one) => [
    one.name,
    phase(one.state),
    `${one.ref} at ${short(one.commit)}`,
    ago(one.fetched_at),
    one.stacks.map((name) => make("div", {}, make("a", { href: `#/${encodeURIComponent(name)}` }, name))),
    make("span", { class: "said" }, one.message || one.leaving.map((left) => `${left.stack}: ${left.message}`).join("; ")),
    make("div", { class: "actions" },
      make("button", { type: "button", on: { click: () => order("sources", one.name, "sync") } }, "Fetch now"),
      one.state === "suspended"
        ? make("button", { type: "button", on: { click: () => order("sources", one.name, "resume") } }, "Resume")
        : make("button", { type: "button", on: { click: () => order("sources", one.name, "suspend") } }, "Suspend")),
  ]);
  return [make("h2", {}, "Repositories"),
    table(["Source", "State", "Ref", "Fetched", "Stacks", "What", "Orders"], rows, "")];
}

async function overview() {
  const [host, followed, told] = await Promise.all([json("/v1/host"), json("/v1/sources"), json("/v1/events?follow=false")]);
  const troubled = host.stacks.filter((one) => MOODS[one.phase] === "bad").length;
  const away = followed.sources.filter((one) => MOODS[one.state] === "bad").length;
  say(`${host.stacks.length} stacks, ${troubled ? `${troubled} not well` : "all well"}` +
    (away ? `; ${away} of ${followed.sources.length} repositories not well` : "") +
    (host.engine_answers ? "" : "; the engine does not answer"));
  return [
    make("h2", {}, "Stacks"),
    host.stacks.length ? make("ul", { class: "cards" }, host.stacks.map(card)) : make("p", { class: "empty" }, "None is kept yet."),
    ...(followed.sources.length ? sources(followed.sources) : []),
    make("h2", {}, "Events"),
    happened(told.events),
  ];
}

function happened(events) {
  const rows = events.slice(-50).reverse().map((one) => [
    ago(one.time),
    make("span", { class: { error: "bad", warning: "warn" }[one.level] || "" }, one.event),
    [one.stack, one.service].filter(Boolean).join("/"),
    make("span", { class: "said" }, one.message),
  ]);
  return table(["When", "Event", "Stack", "What"], rows, "Nothing has happened yet.");
}

function services(stack) {
  const rows = stack.services.map((one) => [
    one.name,
    make("span", { class: one.loops || one.unhealthy ? "bad" : one.ready >= one.wanted ? "good" : "warn" },
      `${one.ready}/${one.wanted} ready`, one.stopped ? ", stopped" : "", one.loops ? ", keeps ending" : "",
      one.unhealthy ? ", unhealthy" : ""),
    make("span", { class: "mono" }, one.image),
    one.replicas.map((replica) => make("div", {},
      `${replica.name}: ${replica.state}${replica.health ? ` (${replica.health})` : ""}` +
      (replica.restarts ? `, ${replica.restarts} restarts` : ""))),
  ]);
  return table(["Service", "State", "Image", "Replicas"], rows, "The file has no services.");
}

function drift(stack) {
  const rows = stack.drift.map((one) => [
    one.object, make("code", {}, one.field || "-"), make("code", {}, one.before || "-"),
    make("code", {}, one.after || "-"), one.reason,
  ]);
  return table(["Object", "Field", "Is", "Should be", "Why"], rows, "Everything is as the file says.");
}

function planned(plan) {
  const lines = plan.steps.filter((step) => step.mutates).map((step) => `${step.text}${step.reason ? `  [${step.reason}]` : ""}`);
  return lines.length ? make("pre", { tabindex: "0" }, lines.join("\n")) : make("p", { class: "empty" }, "Nothing would be changed now.");
}

function revisions(found) {
  const rows = found.revisions.slice(0, 20).map((one) => [
    `${one.revision}${one.serves ? " (serves)" : ""}`, ago(one.began),
    make("span", { class: one.outcome === "applied" ? "good" : "bad" }, one.outcome),
    one.command, one.returns_to ? `back to ${one.returns_to}: ${one.summary}` : one.summary,
  ]);
  return table(["Revision", "When", "Outcome", "Command", "What"], rows, "No history yet.");
}

function newer(stack) {
  if (!stack.source) return make("p", { class: "empty" }, "from files of this host");
  const kept = `from ${stack.source}, commit ${short(stack.version)}`;
  const found = stack.newer;
  return make("p", {}, kept, found ? `; ${found.message}${found.where ? ` (${found.where})` : ""}${found.summary ? `: ${found.summary}` : ""}` : "");
}

function approval(found) {
  return found.reference === "removal-waits" ? "Approve its removal" : `Approve ${short(found.version)}`;
}

function orders(stack) {
  const button = (verb, words, query = "") => make("button", { type: "button", on: { click: () => order("stacks", stack.name, verb, query) } }, words);
  return make("div", { class: "actions" },
    button("sync", "Look again"),
    button("apply", "Apply now"),
    stack.newer && stack.newer.approvable ? button("approve", approval(stack.newer), `?commit=${stack.newer.version}`) : null,
    stack.mode === "suspended" ? button("resume", "Resume") : button("suspend", "Suspend"),
    make("button", { type: "button", on: { click: () => { if (confirm(`Go back to the revision of ${stack.name} before this one?`)) order("stacks", stack.name, "rollback"); } } }, "Roll back"));
}

async function order(kind, name, verb, query = "") {
  try {
    await ask(`/v1/${kind}/${encodeURIComponent(name)}/${verb}${query}`, { method: "POST" });
    say(`${name}: ${verb} accepted`);
  } catch (problem) {
    say(problem.message);
  }
  draw();
}

async function details(name) {
  const path = `/v1/stacks/${encodeURIComponent(name)}`;
  const part = (promise, render) => promise.then(render, (problem) => make("p", { class: "empty" }, problem.message));
  const stack = await json(path);
  const image = make("img", { alt: `Dependencies of ${name}` });
  const [graph, plan, past, log, events] = await Promise.all([
    part(ask(`${path}/graph.svg`).then((answer) => answer.blob()), (blob) => {
      if (picture) URL.revokeObjectURL(picture);
      image.src = picture = URL.createObjectURL(blob);
      return make("div", { class: "graph", tabindex: "0" }, image);
    }),
    part(json(`${path}/plan`), planned),
    part(json(`${path}/revisions`), revisions),
    part(ask(`${path}/logs?tail=20`).then((answer) => answer.text()), (text) => make("pre", { tabindex: "0" }, text || "Nothing was printed.")),
    part(json(`/v1/events?follow=false&stack=${encodeURIComponent(name)}`), (found) => happened(found.events)),
  ]);
  say(`${name}: ${stack.phase}`);
  return [
    make("h2", {}, make("a", { href: "#/" }, "Stacks"), " / ", name),
    make("p", {}, phase(stack.phase), stack.message ? ` ${stack.message}` : "", stack.where ? ` (${stack.where})` : ""),
    make("p", { class: "empty" }, `mode ${stack.mode}, looked at ${ago(stack.looked_at)}, ${changed(stack)}`),
    newer(stack),
    orders(stack),
    make("h2", {}, "Services"), services(stack),
    make("h2", {}, "Drift"), drift(stack),
    make("h2", {}, "Dependencies"), graph,
    make("h2", {}, "Plan"), plan,
    make("h2", {}, "Revisions"), past,
    make("h2", {}, "Events"), events,
    make("h2", {}, "Log"), log,
  ];
}

const say = (text) => { document.getElementById("summary").textContent = text; };

async function draw() {
  const mine = ++shown;
  const name = decodeURIComponent(location.hash.replace(/^#\/?/, ""));
  try {
    const parts = await (name ? details(name) : overview());
    if (mine !== shown) return;
    login.hidden = true;
    document.getElementById("leave").hidden = !sessionStorage.getItem("token");
    view.replaceChildren(...parts);
    document.title = name ? `${name} - stack` : "stack";
  } catch (problem) {
    if (mine !== shown) return;
    if (problem.locked) return ask_for_token(problem.message);
    view.replaceChildren(make("p", { role: "alert" }, problem.message), make("p", {}, make("a", { href: "#/" }, "All stacks")));
  }
}

function ask_for_token(message) {
  view.replaceChildren();
  document.getElementById("refused").textContent = sessionStorage.getItem("token") ? message : "";
  sessionStorage.removeItem("token");
  login.hidden = false;
  document.getElementById("token").focus();
}

async function follow() {
  const live = document.getElementById("live");
  for (;;) {
    if (login.hidden) {
      try {
        const answer = await ask("/v1/events");
        live.textContent = "live";
        live.className = "on";
        const reader = answer.body.getReader();
        let timer = 0;
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          clearTimeout(timer);
          timer = setTimeout(draw, 300);
        }
      } catch { /* tried again below */ }
    }
    live.textContent = "offline";
    live.className = "";
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
}

login.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", document.getElementById("token").value.trim());
  document.getElementById("token").value = "";
  draw();
});
document.getElementById("leave").addEventListener("click", () => { sessionStorage.removeItem("token"); draw(); });
window.addEventListener("hashchange", () => { draw(); document.getElementById("main").focus(); });
draw();
follow();
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  document.getElementById("main").focus();
});
