"use strict";
// The review page. Everything that comes from the run is put on it as text, never as HTML.

const $ = (id) => document.getElementById(id);

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function swatch(number) {
  const made = element("span", { class: "swatch", "aria-hidden": "true" });
  made.style.background = state.classes[number].colour;
  return made;
}

// The token comes in the address's fragment; a reload finds it in this tab's storage.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", location.hash.slice(1));
  history.replaceState(null, "", "/");
}

// What another tab waits for is not given up when this one moves on, or is loaded again.
const tab = sessionStorage.getItem("tab") || Math.random().toString(36).slice(2);
sessionStorage.setItem("tab", tab);

async function ask(path, body, signal) {
  const options = { signal, headers: { Authorization: `Bearer ${sessionStorage.getItem("token") || ""}` } };
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api/${path}`, options);
  } catch {
    throw new Error("The server does not answer: is `agrispec-gee review serve` still running?");
  }
  const found = await response.json().catch(() => ({ error: "The server failed; its terminal says why." }));
  if (!response.ok) throw new Error(found.error);
  return found;
}

function tell(text, isError = false) {
  $("message").textContent = text;
  $("message").title = text;
  $("message").classList.toggle("error", isError);
}

const percent = (share) => `${(100 * share).toFixed(0)}%`;
const said = (word, name) => ({ accept: `accepts ${name}`, correct: `corrects to ${name}`, skip: "skipped it" }[word]);

let state, spreads, shown, pictures, current = 0, falseColour = false, busy = false, charts = [], focused = null;
let map, overlay, outlines, outline;

// Keys of the page; letters that are left name classes.
const KEYS = {
  a: accept, enter: accept, s: skip, u: undo, n: () => go(current + 1), arrowright: () => go(current + 1),
  p: () => go(current - 1), arrowleft: () => go(current - 1), c: swapColours, "?": () => $("help").showModal(),
};
const letters = new Map();

function nameKeys() {
  const free = new Set([..."abcdefghijklmnopqrstuvwxyz"].filter((letter) => !(letter in KEYS)));
  state.classes.forEach((crop, number) => {
    const letter = [...crop.name.toLowerCase(), ...free].find((each) => free.has(each));
    if (!letter) return;
    free.delete(letter);
    letters.set(number, letter);
    KEYS[letter] = () => judge(number);
  });
  for (const digit of [1, 2, 3]) KEYS[digit] = () => shown && shown.top[digit - 1] && judge(shown.top[digit - 1].class);
  const rows = [["A, Enter", "accept the predicted class"], ["1, 2, 3", "one of the three likeliest classes"],
    ["a letter", "the class that shows it"], ["S", "skip: say nothing"],
    ["U", "undo the verdict here, or the last one"],
    ["N, →", "next parcel"], ["P, ←", "previous parcel"], ["C", "true or false colour"], ["?", "these keys"]];
  $("keys").tBodies[0].replaceChildren(...rows.map(([key, does]) =>
    element("tr", {}, element("td", {}, element("kbd", {}, key)), element("td", {}, does))));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || $("help").open || !state) return;
  // What has the focus takes Enter itself.
  if (event.key === "Enter" && event.target.closest?.("button, a, summary")) return;
  const does = KEYS[event.key.toLowerCase()];
  if (!does) return;
  event.preventDefault();
  does();
});
// A button that keeps the focus after a mouse would take the next Enter.
document.addEventListener("click", (event) => event.detail > 0 && event.target.closest?.("button")?.blur());

async function verdict(send) {
  if (busy || !shown) return;
  busy = true;
  try {
    await send();
  } catch (error) {
    tell(error.message, true);
  } finally {
    busy = false;
  }
}

function told(answer) {
  Object.assign(state, { judged: answer.judged, next: answer.next, disputed: answer.disputed });
  showProgress();
}

function give(word, number) {
  return verdict(async () => {
    const answer = await ask(`parcels/${current}/verdict`, { verdict: word, class: number === null ? null :
      state.classes[number].name });
    told(answer);
    const name = number === null ? "" : state.classes[number].name;
    tell(word === "skip" ? `Skipped parcel ${shown.parcel}` : `${shown.parcel}: ${name}`);
    if (answer.next === null) {
      shown.verdicts = answer.verdicts;
      showVerdicts();
      showOutlines();
      tell("Every parcel of the queue is judged. Thank you.");
    } else {
      await show(answer.next);
    }
  });
}
function judge(number) { return give(number === shown?.top[0].class ? "accept" : "correct", number); }
function accept() { return shown && give("accept", shown.top[0].class); }
function skip() { return give("skip", null); }
function undo() {
  return verdict(async () => {
    const answer = await ask(`parcels/${current}/undo`, {});
    told(answer);
    await show(answer.position);
    tell(`Took back the verdict on ${shown.parcel}`);
  });
}
function go(position) {
  if (busy || position < 0 || position >= state.total) return;
  tell("");
  show(position).catch((error) => tell(error.message, true));
}

function showProgress() {
  const mine = state.judged[state.reviewer];
  const others = Object.entries(state.judged).filter(([name]) => name !== state.reviewer)
    .map(([name, count]) => ` · ${name} ${count.toLocaleString("en")}`).join("");
  $("progress").replaceChildren(element("strong", {}, mine.toLocaleString("en")),
    ` of ${state.total.toLocaleString("en")} by ${state.reviewer}${others}`
    + (state.disputed ? ` · ${state.disputed} disputed` : ""));
  $("bar").style.width = percent(mine / state.total);
}

function showVerdicts() {
  const mine = shown.verdicts.find((each) => each.reviewer === state.reviewer);
  const chosen = mine?.class ?? null;
  for (const button of document.querySelectorAll("#top button, #classes button")) {
    const is = chosen !== null && state.classes[button.dataset.class].name === chosen;
    button.classList.toggle("mine", is);
    button.setAttribute("aria-pressed", String(is));
  }
  const parts = shown.verdicts.flatMap((each, number) => [number ? " · " : "", element("strong", {}, each.reviewer),
    ` ${said(each.verdict, each.class)}, ${each.time.slice(0, 10)}${each.of_this_map ? "" : ", on an earlier map"}`]);
  $("verdicts").replaceChildren(...(parts.length ? parts : ["No verdict yet"]));
  $("verdicts").title = shown.verdicts.map((each) => `${each.reviewer}: ${each.time}`).join("\n");
}

function showParcel() {
  $("parcel").textContent = `Parcel ${shown.parcel}`;
  $("parcel").title = shown.parcel;
  $("facts").textContent = `${(current + 1).toLocaleString("en")} of ${state.total.toLocaleString("en")} · `
    + `${shown.area_ha.toFixed(2)} ha · `
    + `${percent(shown.agreement)} of ${shown.pixels.toLocaleString("en")} pixels agree · entropy ${shown.entropy.toFixed(2)}`
    + (shown.set_size === null ? "" : ` · ${shown.set_size} in its set`);
  $("previous").disabled = current === 0;
  $("next").disabled = current === state.total - 1;
  $("top").replaceChildren(...shown.top.map((each, number) => {
    const part = element("div");
    part.style.width = percent(each.probability);
    part.style.background = state.classes[each.class].colour;
    const button = element("button", { "data-class": each.class, title: "This is the class of the parcel" },
      element("kbd", {}, String(number + 1)), swatch(each.class),
      element("span", { class: "name" }, state.classes[each.class].name),
      element("span", { class: "share" }, part), element("span", { class: "percent" }, percent(each.probability)));
    button.addEventListener("click", () => judge(each.class));
    button.addEventListener("mouseenter", () => compare(each.class));
    button.addEventListener("mouseleave", () => compare(null));
    return button;
  }));
  showVerdicts();
}

function classButtons() {
  $("classes").replaceChildren(...state.classes.map((crop, number) => {
    const button = element("button", { "data-class": number }, swatch(number), crop.name);
    if (letters.has(number)) button.append(element("kbd", {}, letters.get(number).toUpperCase()));
    button.addEventListener("click", () => judge(number));
    button.addEventListener("mouseenter", () => compare(number));
    button.addEventListener("mouseleave", () => compare(null));
    return button;
  }));
}

// The medians of the likeliest classes behind the parcel, or of the one that the mouse is on.
function compare(number) {
  if (focused === number) return;
  focused = number;
  draw();
}

const ink = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function draw() {
  for (const chart of charts) chart.destroy();
  charts = [];
  const boxes = state.curves.map((name, curve) => element("div", { class: curve ? "chart small" : "chart" },
    element("span", { class: "label" }, name)));
  $("charts").replaceChildren(...boxes);
  if (!shown.series) {
    boxes[0].append(element("span", { class: "empty" }, shown.failed ?? "Reading the series"));
    return;
  }
  const times = state.days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const behind = spreads ? (focused === null ? shown.top.map((each) => each.class) : [focused]) : [];
  state.curves.forEach((name, curve) => {
    const data = [times], series = [{}], bands = [];
    for (const [order, number] of behind.entries()) {
      const spread = spreads[number], colour = state.classes[number].colour;
      if (order < 2) {
        bands.push({ series: [series.length, series.length + 1], fill: `${colour}40` });
        data.push(spread.high[curve], spread.low[curve]);
        const edge = { stroke: "transparent", points: { show: false } };
        series.push(edge, { ...edge });
      }
      // A darker line below keeps a bright colour apart from the page.
      for (const [stroke, width] of [[`${ink("--soft")}b0`, 3.6], [colour, 2.2]]) {
        data.push(spread.median[curve]);
        series.push({ stroke, width, spanGaps: true, points: { show: false },
          dash: [undefined, [7, 4], [3, 4]][order] });
      }
    }
    data.push(shown.series.values[curve]);
    series.push({ stroke: ink("--ink"), width: 1.2, spanGaps: true,
      points: { show: true, size: 6, fill: ink("--ink"), stroke: ink("--card"), width: 1 } });
    const axis = { stroke: ink("--soft"), grid: { stroke: ink("--line"), width: 1 }, ticks: { show: false },
      font: "11px system-ui, sans-serif" };
    charts.push(new uPlot({
      width: boxes[curve].clientWidth, height: boxes[curve].clientHeight, series, bands, legend: { show: false },
      cursor: { show: false }, tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "UTC"),
      scales: { y: { range: (_, low, high) => [Math.min(low, 0), Math.max(high, curve ? 0.5 : 1)] } },
      axes: [{ ...axis, size: curve === state.curves.length - 1 ? 24 : 8,
        values: curve === state.curves.length - 1 ? (_, at) => at.map((each) =>
          new Date(each * 1000).toLocaleDateString("en", { month: "short", day: "numeric", timeZone: "UTC" }))
          : (_, at) => at.map(() => "") },
      { ...axis, size: 42 }],
    }, data, boxes[curve]));
  });
}

function sparkline(values, colour) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  made.setAttribute("viewBox", "0 0 100 40");
  made.setAttribute("preserveAspectRatio", "none");
  made.setAttribute("aria-hidden", "true");
  const line = (numbers, stroke, width) => {
    const points = numbers.flatMap((value, step) => value === null ? [] :
      [`${(100 * step / (numbers.length - 1)).toFixed(1)},${(38 - 36 * Math.min(Math.max(value, 0), 1)).toFixed(1)}`]);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
    for (const [name, value] of Object.entries({ points: points.join(" "), fill: "none", stroke, "stroke-width": width,
      "vector-effect": "non-scaling-stroke" })) path.setAttribute(name, value);
    made.append(path);
  };
  line(values, `${ink("--soft")}b0`, 3.6);
  line(values, colour, 2.2);
  line(shown.series.values[0], ink("--ink"), 1);
  return made;
}

function showNearest() {
  const found = shown.series?.nearest ?? [];
  $("nearest-text").textContent = shown.series ? (found.length ? `${state.curves[0]}, thin line: this parcel` :
    "none: nothing was clearly seen") : "";
  $("nearest").replaceChildren(...found.map((each) => {
    const crop = state.classes[each.class];
    return element("figure", { title: `${crop.name}, ${each.season}, distance ${each.distance.toFixed(3)}` },
      sparkline(each.values[0], crop.colour), element("figcaption", {}, crop.name),
      element("figcaption", { class: "small" }, `${each.season} · ${each.distance.toFixed(3)}`));
  }));
}

function showPictures() {
  overlay?.remove();
  overlay = undefined;
  $("colours-text").textContent = falseColour ? "True colour" : "False colour";
  if (!pictures) return;
  const [west, south, east, north] = pictures.bounds;
  overlay = L.imageOverlay(falseColour ? pictures.false : pictures.true, [[south, west], [north, east]]).addTo(map);
  overlay.bringToBack();
  $("picture-text").textContent = `${falseColour ? "Near infrared, short-wave infrared, red" : "Red, green, blue"}:`
    + ` median of clear looks, ${pictures.first} to ${pictures.last}`;
}
function swapColours() {
  falseColour = !falseColour;
  showPictures();
}

let asked = 0;
async function showOutlines() {
  const bounds = map.getBounds(), mine = ++asked;
  const query = new URLSearchParams({ west: bounds.getWest(), south: bounds.getSouth(), east: bounds.getEast(),
    north: bounds.getNorth() });
  const found = await ask(`outlines?${query}`).catch((error) => tell(error.message, true));
  if (!found || mine !== asked) return;
  const features = found.parcels.map((each) => ({ type: "Feature", geometry: each.outline, properties: each }));
  outlines?.remove();
  outlines = L.geoJSON(features, {
    renderer: canvas,
    style: ({ properties: each }) => ({
      color: state.classes[each.class]?.colour ?? "#888888", weight: each.position === null ? 1.2 : 2.2, opacity: 1,
      dashArray: each.position !== null && !each.judged ? "5 4" : null, fill: true,
      fillOpacity: each.judged ? 0.4 : 0.02,
    }),
    onEachFeature: ({ properties: each }, layer) => {
      if (each.position !== null) layer.on("click", () => go(each.position));
    },
  }).addTo(map);
  outline?.bringToFront();
}

let canvas;
function startMap() {
  map = L.map("map", { attributionControl: false, zoomControl: true, maxZoom: 19, minZoom: 3, zoomSnap: 0.25,
    fadeAnimation: false, zoomAnimation: false, keyboard: false });
  canvas = L.canvas({ padding: 0.2 });
  map.on("moveend", showOutlines);
}

function showPlace() {
  const [west, south, east, north] = shown.bounds;
  outline?.remove();
  outline = L.layerGroup(["#000000", "#ffffff"].map((color, number) =>
    L.geoJSON(shown.outline, { interactive: false, style: { color, weight: number ? 2.5 : 6, opacity: number ? 1 : 0.6,
      fill: false } })));
  map.fitBounds([[south, west], [north, east]], { padding: [90, 90], maxZoom: 16.5, animate: false });
  outline.addTo(map);
  outline.bringToFront = () => outline.eachLayer((layer) => layer.bringToFront());
}

// Of the shown parcel: a browser waits for a few answers at a time, and verdicts must not wait for slow ones.
let leaving = new AbortController();
async function show(position) {
  const found = await ask(`parcels/${position}`);
  leaving.abort();
  leaving = new AbortController();
  current = position;
  shown = found;
  pictures = undefined;
  focused = null;
  showParcel();
  showPlace();
  draw();
  showNearest();
  showPictures();
  $("picture-text").textContent = "Asking the engine for a picture";
  $("source").textContent = "";
  const still = () => shown === found;
  ask(`parcels/${position}/series?tab=${tab}`, undefined, leaving.signal).then((series) => {
    if (!still()) return;
    shown.series = series;
    $("source").textContent = `mean of the parcel's pixels, from the ${series.source}`;
    draw();
    showNearest();
  }, (error) => {
    if (!still()) return;
    shown.failed = error.message;
    draw();
  });
  ask(`parcels/${position}/pictures?tab=${tab}`, undefined, leaving.signal).then((answer) => {
    if (!still()) return;
    pictures = answer;
    showPictures();
  }, (error) => { if (still()) $("picture-text").textContent = `No picture: ${error.message}`; });
}

async function start() {
  state = await ask("state");
  document.title = `Review ${state.run}`;
  $("title").textContent = `${state.run} · season ${state.season} · ${state.model}`;
  $("simulated").hidden = !state.simulated;
  nameKeys();
  classButtons();
  showProgress();
  startMap();
  await show(state.next ?? 0);
  performance.mark("interactive");
  document.documentElement.dataset.ready = "true";
  ask("classes").then((found) => { spreads = found.classes; draw(); }, (error) => tell(error.message, true));
}

const BUTTONS = { accept, skip, undo, previous: () => go(current - 1), next: () => go(current + 1), colours: swapColours,
  "help-open": () => $("help").showModal() };
for (const [id, does] of Object.entries(BUTTONS)) $(id).addEventListener("click", does);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown && draw());
addEventListener("resize", () => shown && draw());
start().catch((error) => tell(error.message, true));
