// The page: asks the engine every second what there is, and shows what the address says.
//
//   #/                        all containers
//   #/containers/ID/TAB       one of them: charts, logs, terminal, layers, explain
//   #/images/ID               the layers of an image

import { announce, make, setText } from "./dom.js";
import { Refused, get, takeToken } from "./engine.js";
import { bytes, count, percent } from "./format.js";
import { ALL, History } from "./history.js";
import { ContainerView } from "./container.js";
import { ImageView } from "./layers.js";
import { Overview } from "./overview.js";
import { Side } from "./side.js";
import * as theme from "./theme.js";

const PERIOD_MS = 1000;
const IMAGES_EVERY = 10;

const frame = document.getElementById("frame");
const content = document.getElementById("content");
const trouble = document.getElementById("trouble");
const state = { containers: [], images: [], history: new History(), isKnown: false };
const side = new Side(document.getElementById("side"));
let view = null;
let rounds = 0;

async function look() {
  const [containers, reading] = await Promise.all([
    get("/containers/json?all=1"),
    get("/cuddy/samples"),
  ]);
  if (rounds % IMAGES_EVERY === 0 || view?.lacksImage?.(state)) state.images = await get("/images/json");
  rounds += 1;
  tellChanges(state.containers, containers);
  state.containers = containers;
  state.history.add(reading);
  state.isKnown = true;
}

// What appears and disappears is said to those who do not see it.
function tellChanges(before, now) {
  if (!state.isKnown) return;
  const names = (list) => new Map(list.map((each) => [each.Id, each.Names[0].slice(1)]));
  const [old, young] = [names(before), names(now)];
  const news = [
    ...[...young].filter(([id]) => !old.has(id)).map(([, name]) => `${name} is new`),
    ...[...old].filter(([id]) => !young.has(id)).map(([, name]) => `${name} is gone`),
  ];
  if (news.length) announce(news.join(", "));
}

async function loop() {
  if (!document.hidden) {
    try {
      await look();
      complain("");
      show();
    } catch (error) {
      complain(words(error));
      if (error instanceof Refused && error.status === 401) return;
    }
  }
  setTimeout(loop, PERIOD_MS);
}

function words(error) {
  if (!(error instanceof Refused)) return "The engine does not answer: has ‘cuddy dashboard’ ended?";
  if (error.status === 401) return "Nobody is let in without the token: open the address that ‘cuddy dashboard’ has printed.";
  return error.message;
}

function complain(text) {
  setText(trouble, text);
  trouble.hidden = !text;
}

function show() {
  side.update(state);
  view?.update(state);
  const { history, containers } = state;
  const running = containers.filter((each) => each.State === "running").length;
  const cpu = history.now(ALL, "cpu");
  setText(document.getElementById("summary"), [
    `${count(containers.length, "container", "containers")}, ${running} running`,
    `${percent(cpu ?? 0)} of ${history.machine.Cpus * 100} % CPU`,
    `${bytes(history.now(ALL, "memory") ?? 0)} of ${bytes(history.machine.MemoryBytes)}`,
  ].join(" · "));
}

// The view of an address; another tab of the same container keeps the view.
function route() {
  const [kind, id, tab] = location.hash.slice(2).split("/").map(decodeURIComponent);
  frame.dataset.shows = kind ? "content" : "all";
  side.select(kind, id);
  if (kind === "containers" && view instanceof ContainerView && view.id === id) {
    view.open(tab);
    return;
  }
  view?.close();
  view = makeView(kind, id, tab);
  const back = make("a", { class: "back", href: "#/" }, "← All containers");
  content.replaceChildren(back, view.element);
  document.title = `${view.title} · cuddy`;
  window.scrollTo(0, 0);
  if (state.isKnown) view.update(state);
}

function makeView(kind, id, tab) {
  if (kind === "containers") return new ContainerView(id, tab);
  if (kind === "images") return new ImageView(id);
  return new Overview();
}

takeToken();
theme.start(document.getElementById("theme"));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  content.focus();
});
window.addEventListener("hashchange", () => {
  if (takeToken()) route();
});
route();
loop();
