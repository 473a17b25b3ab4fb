"use strict";
// Whatever comes from others is put into text nodes, and nowhere else.

const byId = (id) => document.getElementById(id);
const MOST_MESSAGES = 500; // in the document; a flood of messages does not fill the memory of the page
const MOST_AT_ONCE = 100;
const FIRST_WAIT = 500;
const LONGEST_WAIT = 15000;
const MINUTE = 60;
const OVERLAP = 2000;

const number = new Intl.NumberFormat("en");
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const log = byId("log");

let socket = null;
let next = null; // the connection that is to take the place of `socket`
let overlap = []; // what `socket` has shown since `next` was asked for: `next` may bring it a second time
let wait = FIRST_WAIT;
let retry = 0; // when the next attempt is due
let mine = []; // what was sent and has not come back
let queue = []; // what came and is not shown yet
let skipped = 0;
let counts = new Array(MINUTE).fill(0); // messages that came, by second
let following = true; // the newest message is in view

// Kept between visits where the browser lets us.
const kept = {
  get name() { try { return localStorage.getItem("name") || ""; } catch { return ""; } },
  set name(value) { try { localStorage.setItem("name", value); } catch { /* private windows may refuse */ } },
};

function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}

function element(kind, className, text) {
  const made = document.createElement(kind);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// The connection.

function address() {
  const url = new URL(location.pathname, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  if (called()) url.searchParams.set("name", called());
  return url.href;
}

function connect() {
  retry = 0;
  if (!socket) state("waiting", "connecting");
  const opened = next = new WebSocket(address());
  overlap = [];
  opened.binaryType = "arraybuffer";
  opened.onopen = () => {
    const old = socket;
    socket = opened;
    if (next === opened) next = null;
    setTimeout(() => { if (opened === socket && !next) overlap = []; }, OVERLAP);
    if (old) old.close(1000); // it was for another name
    wait = FIRST_WAIT;
    state("open", "connected");
    who();
  };
  opened.onmessage = (event) => {
    if (opened !== socket) return;
    const twice = next ? -1 : overlap.indexOf(event.data);
    if (twice >= 0) overlap.splice(twice, 1);
    else received(event.data);
    if (next) overlap = [...overlap.slice(1 - MOST_AT_ONCE), event.data];
  };
  opened.onclose = (event) => {
    if (opened === next) {
      next = null;
      overlap = [];
    }
    if (socket && opened !== socket) return; // another one is open
    socket = null;
    mine = [];
    if (event.code !== 1001 && event.reason) notice(`The server closed the connection: ${event.reason}`);
    retry = Date.now() + wait * (0.75 + Math.random() / 2); // a thousand pages must not come back in the same moment
    wait = Math.min(wait * 2, LONGEST_WAIT);
    attempt();
  };
}

function attempt() {
  const left = retry - Date.now();
  if (!retry) return;
  if (left <= 0) {
    connect();
    return;
  }
  state("waiting", left > 1500 ? `reconnecting in ${Math.round(left / 1000)} s` : "reconnecting");
  setTimeout(attempt, Math.min(left, 1000));
}

function state(name, words) {
  const pill = byId("state");
  if (pill.textContent !== words) pill.textContent = words;
  pill.dataset.state = name;
  byId("send").disabled = name !== "open";
}

addEventListener("online", () => { if (retry) connect(); });

// Messages.

function received(data) {
  counts[counts.length - 1] += 1;
  const text = typeof data === "string" ? data : `(${number.format(data.byteLength)} bytes that are no text)`;
  if (queue.length >= MOST_AT_ONCE) {
    queue.shift();
    skipped += 1;
  }
  if (!queue.length) setTimeout(show, 50); // not requestAnimationFrame: a hidden page would never show them
  queue.push(text);
}

function show() {
  const some = document.createDocumentFragment();
  log.setAttribute("aria-live", queue.length > 5 ? "off" : "polite"); // no screen reader can follow that
  if (skipped) some.append(element("p", "message notice", `${number.format(skipped)} messages more came at once`));
  for (const text of queue) some.append(message(text));
  skipped = 0;
  queue = [];
  append(some);
}

function message(text) {
  const at = text.indexOf(": ");
  const sender = at > 0 && at <= 32 && !text.slice(0, at).includes("\n") ? text.slice(0, at) : "";
  const own = mine.indexOf(text);
  if (own >= 0) mine.splice(own, 1);
  const line = element("div", own >= 0 ? "message mine" : "message");
  const moment = element("time", "", clock.format(new Date()));
  moment.dateTime = new Date().toISOString();
  line.append(moment);
  if (sender) {
    const tag = element("span", "who", sender);
    tag.style.setProperty("--hue", hue(sender));
    line.append(tag, element("span", "hidden", ": "));
  }
  line.append(element("span", "words", sender ? text.slice(at + 2) : text));
  return line;
}

function notice(text) {
  append(element("p", "message notice", text));
}

function append(what) {
  byId("empty").hidden = true;
  log.append(what);
  while (log.children.length > MOST_MESSAGES + 1) log.children[1].remove(); // the first is the word for an empty room
  if (following) log.scrollTop = log.scrollHeight;
  else byId("newest").hidden = false;
}

log.addEventListener("scroll", () => {
  following = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  if (following) byId("newest").hidden = true;
});

byId("newest").addEventListener("click", () => {
  log.scrollTop = log.scrollHeight;
  byId("text").focus();
});

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  rename();
  const field = byId("text");
  const words = field.value.trim();
  byId("note").textContent = "";
  if (!words) return;
  if (!socket || socket.readyState !== WebSocket.OPEN) {
    byId("note").textContent = "Not sent: there is no connection at the moment. Your message is still there.";
    return;
  }
  const text = called() ? `${called()}: ${words}` : words;
  socket.send(text);
  mine = [...mine.slice(-20), text];
  field.value = "";
  following = true;
});

// Names and rooms.

let nameless = ""; // the name, where the browser keeps nothing
const called = () => kept.name || nameless;

function rename() {
  const name = byId("name").value.replace(/\s+/g, " ").trim();
  if (name === called()) return;
  kept.name = name;
  nameless = name;
  if (socket) connect(); // the server takes the name from the address; the old connection serves until the new one is open
}

byId("name").addEventListener("change", rename);

byId("go").addEventListener("submit", (event) => {
  event.preventDefault();
  const room = byId("other").value.trim();
  location.assign(room ? `/rooms/${encodeURIComponent(room)}` : "/");
});

// Figures.

async function who() {
  try {
    const base = location.pathname === "/" ? "" : location.pathname;
    const answer = await fetch(`${base}/who`, { cache: "no-store" });
    if (answer.ok) tell(await answer.json());
  } catch { /* the state says that the server is away */ }
}

function tell(figures) {
  // What the server tells is up to a second old; that we are here we know.
  if (byId("state").dataset.state === "open") figures.here = Math.max(figures.here, 1);
  byId("here").textContent = number.format(figures.here);
  byId("here-word").textContent = figures.here === 1 ? "connection" : "connections";
  byId("connections").textContent = number.format(figures.connections);
  const names = byId("names");
  if (names.dataset.names !== figures.names.join("\n")) {
    names.dataset.names = figures.names.join("\n");
    names.replaceChildren(...figures.names.map((name) => {
      const item = element("li", "", name);
      item.style.setProperty("--hue", hue(name));
      return item;
    }));
  }
  const others = figures.here - figures.names.length;
  byId("unnamed").textContent = others > 0 && figures.names.length ? `and ${number.format(others)} more` : "";
}

function draw() {
  const full = counts.slice(0, -1); // the last second is not over
  const top = Math.max(...full, 1);
  const points = full.map((count, at) => `${(at * 240 / (full.length - 1)).toFixed(1)},${(62 - 58 * count / top).toFixed(1)}`);
  byId("line").setAttribute("d", `M${points.join("L")}`);
  byId("area").setAttribute("d", `M0,63L${points.join("L")}L240,63Z`);
  const now = full[full.length - 1];
  byId("rate").textContent = number.format(now);
  const peak = Math.max(...full);
  byId("peak").textContent = peak ? `at most ${number.format(peak)}` : "";
  byId("chart").setAttribute("aria-label", `Messages a second in the last minute: now ${now}, at most ${peak}`);
  counts = [...counts.slice(1), 0];
}

const room = location.pathname.startsWith("/rooms/") ? location.pathname.slice(7) : "";
if (room) {
  let words = room;
  try { words = decodeURIComponent(room); } catch { /* shown as it is */ }
  byId("room").textContent = `room ${words}`;
  document.title = `${words} · wstune chat`;
}
byId("name").value = kept.name;
draw();
connect();
setInterval(draw, 1000);
setInterval(() => { if (!document.hidden) who(); }, 2000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) who(); });
