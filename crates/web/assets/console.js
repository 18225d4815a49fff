// What the pages cannot do by themselves: live parts, the plot, the tail, keys. Data is only ever put in as text, or as
// HTML that the server has escaped.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function toast(text) {
  const box = Object.assign(document.createElement("div"), { className: "toast", textContent: text });
  box.setAttribute("role", "status");
  document.body.append(box);
  setTimeout(() => box.remove(), 2200);
}

// --- theme

function isDark() {
  const theme = document.documentElement.dataset.theme;
  return theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
  drawPlot();
}

// --- live: one connection tells that something has changed; the parts that care ask for themselves

let samples = [];
let plot = null;

function connect() {
  const mark = one("[data-live-mark]");
  if (!mark) return;
  const source = new EventSource("/live");
  const state = (state, text) => { mark.dataset.state = state; mark.textContent = text; };
  source.addEventListener("open", () => state("on", "live"));
  source.addEventListener("error", () => state("off", "not connected"));
  source.addEventListener("history", (message) => { samples = JSON.parse(message.data); drawPlot(); });
  source.addEventListener("sample", (message) => {
    samples.push(JSON.parse(message.data));
    if (samples.length > 300) samples.shift();
    if (plot) plot.setData(series());
  });
  source.addEventListener("changed", () => {
    if (document.hidden) return;
    for (const part of all("[data-live]")) htmx.trigger(part, "live");
  });
  addEventListener("pagehide", () => source.close());
}

function series() {
  const column = (name) => samples.map((sample) => sample[name]);
  return [column("at"), column("appends"), column("reads")];
}

function token(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function drawPlot() {
  const place = one("#plot");
  if (!place || !window.uPlot) return;
  if (plot) plot.destroy();
  const axis = { stroke: token("--muted"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: "11px sans-serif" };
  const line = (label, color) => ({ label, stroke: color, width: 1.6, fill: color + "1a", points: { show: false } });
  plot = new uPlot({
    width: place.clientWidth, height: 180, padding: [8, 8, 0, 0], cursor: { y: false },
    series: [{ label: "time", value: (_, at) => at ? new Date(at * 1000).toLocaleTimeString([], { hour12: false }) : "–" }, line("events appended/s", token("--accent")), line("events read/s", token("--violet"))],
    axes: [{ ...axis, space: 90, values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false })) }, { ...axis, size: 46, values: (_, ticks) => ticks.map((n) => n >= 1000 ? n / 1000 + "k" : n) }],
    scales: { x: { range: (_, low, high) => [high - 300, high] }, y: { range: (_, low, high) => [0, Math.max(high * 1.15, 5)] } },
  }, series(), place);
}

addEventListener("resize", () => { const place = one("#plot"); if (plot && place) plot.setSize({ width: place.clientWidth, height: 180 }); });

// --- the tail

function tail() {
  const body = one("[data-tail]");
  if (!body) return;
  const button = one("#pause");
  const mark = one("#tail-state");
  const most = 500;
  let waiting = [];
  let isPaused = false;
  const say = (state, text) => { mark.dataset.state = state; mark.textContent = text; };
  const show = (html) => {
    body.insertAdjacentHTML("afterbegin", html);
    body.firstElementChild.classList.add("fresh");
    one("#tail-empty")?.remove();
    while (body.children.length > most) body.lastElementChild.remove();
  };
  const source = new EventSource(body.dataset.tail);
  source.addEventListener("open", () => { if (!isPaused) say("on", "live"); });
  source.addEventListener("error", () => say("off", "not connected"));
  source.addEventListener("row", (message) => {
    if (!isPaused) return show(message.data);
    waiting.push(message.data);
    if (waiting.length > most) waiting.shift();
    say("", `paused, ${waiting.length} waiting`);
  });
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    button.textContent = isPaused ? "Go on" : "Pause";
    button.setAttribute("aria-pressed", String(isPaused));
    if (isPaused) return say("", "paused");
    waiting.forEach(show);
    waiting = [];
    say("on", "live");
  });
  addEventListener("pagehide", () => source.close());
}

// --- clicks, keys

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.matches("[data-theme-switch]")) switchTheme();
  if (button.matches("[data-menu]")) button.setAttribute("aria-expanded", String(one(".side nav").classList.toggle("open")));
  if (button.matches("[data-help]")) one("#keys").showModal();
  if (button.matches("[data-close]")) button.closest("dialog").close();
  if (button.matches("[data-copy]")) {
    const text = button.dataset.copy || one(button.dataset.copyFrom).textContent;
    navigator.clipboard.writeText(text).then(() => toast("copied"), () => toast("the browser does not let this page copy"));
  }
});

document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) { event.preventDefault(); event.stopImmediatePropagation(); }
}, true);

const places = { o: "/", s: "/streams", t: "/tail", c: "/commands", h: "/handlers", p: "/parked", m: "/map", u: "/users", d: "/store", a: "/aggregates", q: "/queries" };
let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  if (event.key === "/") { event.preventDefault(); one("#find")?.focus(); }
  else if (event.key === "?") one("#keys")?.showModal();
  else if (event.key === "j" || event.key === "k") {
    const rows = all("[data-rows] tr a.row-link");
    const at = rows.indexOf(document.activeElement);
    rows[Math.max(0, Math.min(rows.length - 1, at + (event.key === "j" ? 1 : -1)))]?.focus();
  }
  else if (isGoing && places[event.key]) location.href = places[event.key];
  isGoing = event.key === "g";
});

// A slider shows the number it stands at while it moves.
document.addEventListener("input", (event) => {
  const target = event.target.dataset?.shows;
  if (target) one(target).textContent = event.target.value;
});

connect();
tail();
drawPlot();
