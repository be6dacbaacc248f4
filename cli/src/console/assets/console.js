// The page without this shows what is so now. With it the page follows what changes, counts time, searches, and asks in a
// dialog instead of on a page of its own.
"use strict";

const main = document.getElementById("main");

// --- time ---------------------------------------------------------------------------------------------------------

function amount(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return `${s} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

function left(seconds) {
  const s = Math.max(0, Math.round(seconds));
  if (s >= 7200) return amount(s);
  return s >= 60 ? `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s` : `${s} s`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function tell(within) {
  const now = Date.now();
  for (const time of within.querySelectorAll("time")) {
    const at = Date.parse(time.dateTime);
    if (!time.title) time.title = local.format(at);
    const set = time.dataset;
    const text =
      "until" in set ? left((at - now) / 1000)
      : "ago" in set ? `${amount((now - at) / 1000)} ago`
      : "for" in set ? amount((now - at) / 1000)
      : local.format(at);
    if (time.textContent !== text) time.textContent = text;
  }
}

// --- search -------------------------------------------------------------------------------------------------------

const search = document.getElementById("search");
const needs = document.getElementById("needs");
const texts = new WeakMap();

function textOf(row) {
  let text = texts.get(row);
  if (text === undefined) {
    text = row.textContent.toLowerCase();
    texts.set(row, text);
  }
  return text;
}

function filter(rows) {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    row.hidden = (needs.checked && !("needs" in row.dataset)) || !words.every((word) => textOf(row).includes(word));
  }
  for (const group of new Set(rows.map((row) => row.parentNode))) group.hidden = !group.querySelector("tr:not([hidden])");
}

function filterAll() {
  const rows = [...document.querySelectorAll("#services tbody tr")];
  filter(rows);
  const shown = rows.filter((row) => !row.hidden).length;
  const asked = search.value.trim() !== "" || needs.checked;
  document.getElementById("found").textContent = asked ? `${shown} of ${rows.length}` : "";
  const query = new URLSearchParams();
  if (search.value.trim()) query.set("q", search.value.trim());
  if (needs.checked) query.set("needs", "1");
  history.replaceState(null, "", query.size ? `/?${query}` : "/");
}

if (search) {
  search.form.addEventListener("submit", (event) => event.preventDefault());
  search.addEventListener("input", filterAll);
  needs.addEventListener("change", filterAll);
  if (search.value || needs.checked) filterAll();
}

document.addEventListener("keydown", (event) => {
  const writes = event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey;
  if (event.key === "/" && !writes && search) {
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "Escape" && event.target === search && search.value) {
    search.value = "";
    filterAll();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && event.target.closest("#search, #services th a")) {
    const links = [...document.querySelectorAll("#services tbody tr:not([hidden]) th a")];
    const at = links.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    (links[at] || (at < 0 ? search : null))?.focus();
  }
});

// --- what changes -------------------------------------------------------------------------------------------------

// Puts an element in the place of the one with its id; what somebody has opened or is at stays so.
function place(piece) {
  const template = document.createElement("template");
  template.innerHTML = piece.html;
  const fresh = template.content.firstElementChild;
  const old = document.getElementById(piece.id);
  tell(fresh);
  if (!old) {
    document.getElementById("sections").append(fresh);
    return fresh;
  }
  const details = (element) => [...element.querySelectorAll("details")];
  const key = (element) => element.querySelector("summary")?.textContent;
  const open = new Map(details(old).map((each) => [key(each), each.open]));
  for (const each of details(fresh)) if (open.has(key(each))) each.open = open.get(key(each));
  const active = document.activeElement;
  const address = old.contains(active) ? active.getAttribute("href") : null;
  old.replaceWith(fresh);
  if (address) fresh.querySelector(`[href="${CSS.escape(address)}"]`)?.focus();
  return fresh;
}

const connection = document.getElementById("connection");

function is(word, text) {
  connection.dataset.is = word;
  connection.textContent = text;
}

let version = main.dataset.version;
let source;

// A page that nobody sees asks for nothing: a browser has six connections to one server, for all of its pages.
function follow() {
  source?.close();
  if (document.hidden) return is("still", "not followed");
  source = new EventSource(`${main.dataset.changes}?since=${version}`);
  source.addEventListener("open", () => is("live", "live"));
  source.addEventListener("error", () => is("lost", "no connection: is the command running?"));
  source.addEventListener("message", (event) => {
    version = event.lastEventId;
    document.getElementById("reading")?.remove();
    const fresh = JSON.parse(event.data).map(place);
    if (!search) return;
    if (fresh.some((element) => element.id === "services")) filterAll();
    else filter(fresh.filter((element) => element.matches("tr")));
  });
}

if (main.dataset.changes) {
  follow();
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}

// --- what is asked ------------------------------------------------------------------------------------------------

const dialog = document.getElementById("asked");

document.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
  if (dialog.open && event.target.closest("[data-closes]")) {
    event.preventDefault();
    dialog.close();
    return;
  }
  const link = event.target.closest("a[data-asks]");
  if (!link) return;
  event.preventDefault();
  try {
    const answer = await fetch(link.href);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const form = page.getElementById("asking");
    if (!form) throw new Error("there is no form");
    dialog.replaceChildren(form);
    dialog.showModal();
  } catch {
    location.assign(link.href);
  }
});

dialog.addEventListener("close", () => dialog.replaceChildren());

tell(document);
setInterval(() => tell(document), 1000);
