// One container: its name and state, what can be done with it, and a tab for each way to look at it.

import { Charts } from "./charts.js";
import { announce, make, setText } from "./dom.js";
import { get, post } from "./engine.js";
import { ExplainPanel } from "./explain.js";
import { bytes, shortId } from "./format.js";
import { ContainerLayersPanel } from "./layers.js";
import { LogPanel } from "./logs.js";
import { ShellPanel } from "./shell.js";
import { lamp } from "./side.js";
import { makeTabs } from "./tabs.js";

const PANELS = [
  ["charts", "Charts", () => new ChartPanel()],
  ["logs", "Logs", (view) => new LogPanel(view.id)],
  ["terminal", "Terminal", (view) => new ShellPanel(view.id)],
  ["layers", "Layers", (view) => new ContainerLayersPanel(view.id)],
  ["explain", "Explain", (view) => new ExplainPanel(view.id)],
];
const SURE_MS = 4000;

export class ContainerView {
  constructor(id, tab) {
    this.id = id;
    this.title = shortId(id);
    this.panels = new Map();
    this.state = null;
    this.name = make("span", {}, shortId(id));
    this.dot = make("span", { class: "dot" });
    this.status = make("span");
    this.about = make("p", { class: "about" });
    this.panel = make("div");
    this.actions = [
      new Action("Start", () => this.act("start"), (is) => is === "created" || is === "exited" || is === "dead"),
      new Action("Restart", () => this.act("restart"), (is) => is === "running", true),
      new Action("Stop", () => this.act("stop"), (is) => is === "running" || is === "restarting", true),
    ];
    const panels = PANELS.map(([name, title]) => ({ name, title, path: `#/containers/${id}/${name}` }));
    this.tabs = makeTabs("Ways to look at it", panels, "charts", this.panel);
    this.element = make("div", {},
      make("div", { class: "head" },
        make("div", {}, make("h1", {}, this.name, make("span", { class: "pill" }, this.dot, this.status)), this.about),
        make("div", { class: "actions" }, this.actions.map((each) => each.element))),
      this.tabs.list, this.panel);
    this.open(tab);
  }

  open(tab) {
    const found = PANELS.find(([name]) => name === tab) ?? PANELS[0];
    const [name, , makePanel] = found;
    this.current?.hide?.();
    if (!this.panels.has(name)) this.panels.set(name, makePanel(this));
    this.current = this.panels.get(name);
    this.tabs.select(name);
    this.panel.replaceChildren(this.current.element);
    this.current.show?.();
    if (this.state) this.current.update?.(this.container(), this.state);
  }

  container() {
    return this.state.containers.find((each) => each.Id === this.id);
  }

  update(state) {
    this.state = state;
    const container = this.container();
    for (const action of this.actions) action.update(container?.State ?? "");
    if (!container) {
      this.dot.className = "dot";
      setText(this.status, "gone");
    } else {
      this.dot.className = `dot ${lamp(container)}`;
      this.title = container.Names[0].slice(1);
      document.title = `${this.title} · cuddy`;
      setText(this.name, this.title);
      setText(this.status, container.Status || container.State);
      setText(this.about, [container.Image, ...container.Ports.map(port), container.Command].join(" · "));
    }
    this.current.update?.(container, state);
  }

  async act(verb) {
    announce(`${verb} ${this.title}`);
    try {
      await post(`/containers/${this.id}/${verb}`);
      announce(`${this.title}: ${verb} done`);
    } catch (error) {
      setText(this.about, error.message);
      announce(error.message);
    }
  }

  close() {
    for (const panel of this.panels.values()) panel.close?.();
  }
}

function port(found) {
  const inside = `${found.PrivatePort}/${found.Type}`;
  return found.PublicPort ? `${found.IP ?? ""}:${found.PublicPort} → ${inside}` : inside;
}

// A button for a verb; what ends something is asked again before it is done.
class Action {
  constructor(title, act, fits, asks = false) {
    this.title = title;
    this.act = act;
    this.fits = fits;
    this.asks = asks;
    this.timer = 0;
    this.isBusy = false;
    this.element = make("button", { type: "button", onclick: () => this.press() }, title);
  }

  update(status) {
    this.element.disabled = this.isBusy || !this.fits(status);
  }

  async press() {
    if (this.asks && !this.timer) {
      this.timer = setTimeout(() => this.calm(), SURE_MS);
      this.element.classList.add("sure");
      setText(this.element, `Really ${this.title.toLowerCase()}?`);
      return;
    }
    this.calm();
    this.isBusy = this.element.disabled = true;
    await this.act();
    this.isBusy = false;
  }

  calm() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.element.classList.remove("sure");
    setText(this.element, this.title);
  }
}

class ChartPanel {
  constructor() {
    this.charts = new Charts();
    this.facts = make("dl", { class: "facts" });
    this.nothing = make("p", { class: "empty", hidden: true }, "It does not run: there is nothing to measure.");
    this.element = make("div", {}, this.charts.element, this.nothing, this.facts);
    this.shown = "";
  }

  update(container, { history }) {
    if (!container) return;
    this.charts.update(history.of(container.Id));
    this.nothing.hidden = container.State === "running" || container.State === "paused";
    const now = history.latest[container.Id];
    if (now) {
      const limit = now.MemoryLimitBytes < history.machine.MemoryBytes ? bytes(now.MemoryLimitBytes) : "none";
      setText(this.entry("Processes"), String(now.Processes));
      setText(this.entry("Memory limit"), limit);
    }
    if (this.shown !== container.State) this.tell(container);
  }

  // What `inspect` says that people ask for first.
  async tell(container) {
    this.shown = container.State;
    try {
      const known = await get(`/containers/${container.Id}/json`);
      const networks = Object.entries(known.NetworkSettings.Networks);
      setText(this.entry("Id"), shortId(known.Id));
      setText(this.entry("Created"), new Date(known.Created).toLocaleString());
      setText(this.entry("Restarts"), `${known.RestartCount} (policy ${known.HostConfig.RestartPolicy.Name || "no"})`);
      setText(this.entry("Networks"), networks.map(([name, each]) => `${name} ${each.IPAddress}`.trim()).join(", ") || "none");
      setText(this.entry("Mounts"), known.Mounts.map((each) => `${each.Name ?? each.Source} → ${each.Destination}`).join(", ") || "none");
      setText(this.entry("Process"), known.State.Running ? `pid ${known.State.Pid} on the host` : `ended with ${known.State.ExitCode}`);
      setText(this.entry("Command"), container.Command);
    } catch {
      this.shown = ""; // it has just gone, or will be asked again
    }
  }

  entry(name) {
    const key = `fact-${name.toLowerCase().replaceAll(" ", "-")}`;
    let found = this.facts.querySelector(`.${key}`);
    if (!found) {
      found = make("dd", { class: key });
      this.facts.append(make("div", {}, make("dt", {}, name), found));
    }
    return found;
  }
}
