// The layers of an image, drawn to scale: as a stack, the uppermost on top, and as a list beside it.

import { make, setText } from "./dom.js";
import { get } from "./engine.js";
import { bytes, count, shortId } from "./format.js";

const NO_LAYER = /^\/bin\/sh -c #\(nop\) +/;

export class ImageView {
  constructor(id) {
    this.id = id;
    this.title = shortId(id);
    this.name = make("h1", {}, shortId(id));
    this.about = make("p", { class: "about" });
    this.stack = new Stack();
    this.element = make("div", {},
      make("div", { class: "head" }, make("div", {}, this.name, this.about)), this.stack.element);
    this.stack.load(id);
  }

  // Whether it has come since the images were listed.
  lacksImage({ images }) {
    return !images.some((each) => each.Id === this.id);
  }

  update({ images }) {
    const image = images.find((each) => each.Id === this.id);
    if (!image) return;
    this.title = image.RepoTags?.[0] ?? shortId(this.id);
    document.title = `${this.title} · cuddy`;
    setText(this.name, this.title);
    const names = (image.RepoTags ?? []).slice(1);
    setText(this.about, [shortId(image.Id), bytes(image.Size), `made ${new Date(image.Created * 1000).toLocaleDateString()}`, ...names].join(" · "));
  }

  close() {
    this.stack.close();
  }
}

export class ContainerLayersPanel {
  constructor(id) {
    this.id = id;
    this.stack = new Stack();
    this.element = this.stack.element;
  }

  async show() {
    try {
      const known = await get(`/containers/${this.id}/json?size=1`);
      this.stack.load(known.Image, known.SizeRw);
    } catch (error) {
      this.stack.say(error.message);
    }
  }

  close() {
    this.stack.close();
  }
}

class Stack {
  constructor() {
    this.state = make("p", { class: "empty", role: "status" });
    this.drawing = make("div", { class: "stack", "aria-hidden": "true" });
    this.list = make("ol", { class: "layers", reversed: true });
    this.both = make("div", { class: "layered", hidden: true }, this.drawing, this.list);
    this.waste = make("div", { class: "waste", hidden: true });
    this.element = make("div", {}, this.state, this.both, this.waste);
    this.loader = null;
  }

  say(text) {
    setText(this.state, text);
    this.state.hidden = !text;
  }

  // `own`: the bytes that a container has written over the image.
  async load(image, own) {
    this.loader?.abort();
    this.loader = new AbortController();
    if (this.both.hidden) this.say("Reading the layers…");
    try {
      const found = await get(`/cuddy/images/${encodeURIComponent(image)}/layers`, { signal: this.loader.signal });
      this.show(found, own);
    } catch (error) {
      if (error.name !== "AbortError") this.say(error.message);
    }
  }

  show(found, own) {
    const layers = [...found.Layers].sort((a, b) => b.Layer - a.Layer).map((layer) => ({
      title: layer.CreatedBy.replace(NO_LAYER, "") || "A layer that says nothing of how it was made",
      name: `Layer ${layer.Layer}`, size: layer.Size, layer,
    }));
    if (own !== undefined) layers.unshift({ title: "What the container has written", name: "Container", size: own, layer: null });
    const total = layers.reduce((sum, each) => sum + each.size, 0);
    this.say(layers.length ? `${bytes(total)} in ${count(layers.length, "layer", "layers")}, drawn to scale: the uppermost is on top and hides what is below.` : "This image has no layers of its own: it is a view of this machine.");
    this.both.hidden = !layers.length;
    const blocks = layers.map((each, index) => this.block(each, total, index));
    const items = layers.map((each, index) => this.item(each, total, index, blocks[index]));
    this.drawing.replaceChildren(...blocks);
    this.list.replaceChildren(...items);
    this.showWaste(found);
  }

  block({ size, layer }, total, index) {
    const block = make("div", { class: `layer shade-${layer ? index % 4 : "own"}` });
    block.style.height = `${total ? (100 * size) / total : 0}%`;
    block.dataset.bytes = size;
    return block;
  }

  item({ title, name, size, layer }, total, index, block) {
    const bar = make("span", { class: `bar-of shade-${layer ? index % 4 : "own"}` });
    bar.style.width = `${total ? (100 * size) / total : 0}%`;
    const share = total ? Math.round((100 * size) / total) : 0;
    const summary = [
      make("span", { class: "of" }, make("b", {}, name), make("span", {}, `${bytes(size)} · ${share} %`)),
      make("code", {}, title), make("span", { class: "track", "aria-hidden": "true" }, bar),
    ];
    const item = make("li", {}, layer ? make("details", {}, make("summary", {}, summary), contents(layer)) : make("div", { class: "alone" }, summary));
    for (const [event, isOn] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
      item.addEventListener(event, () => block.classList.toggle("marked", isOn));
    }
    block.addEventListener("click", () => item.querySelector("summary")?.click());
    return item;
  }

  showWaste(found) {
    this.waste.hidden = !found.Wasted;
    this.waste.replaceChildren(
      make("h2", { class: "section" }, `${bytes(found.Wasted)} that nobody sees`),
      make("p", { class: "dim" }, `${count(found.WastedFiles, "file", "files")} that later layers change or remove.`),
      paths(found.LargestWasted),
    );
  }

  close() {
    this.loader?.abort();
  }
}

function contents(layer) {
  const facts = [
    count(layer.Files, "file", "files"),
    `${bytes(layer.Added)} added`,
    `${bytes(layer.Changed)} changed`,
    layer.Hides ? `${bytes(layer.Hides)} hidden below` : null,
  ].filter(Boolean);
  return make("div", { class: "inside" }, make("p", { class: "dim" }, facts.join(" · ")),
    layer.Largest.length ? paths(layer.Largest) : null,
    layer.LargestRemoved.length ? [make("h3", {}, "Removed"), paths(layer.LargestRemoved)] : null);
}

function paths(items) {
  return make("ul", { class: "paths" }, items.map((item) =>
    make("li", {}, make("span", { class: "number" }, bytes(item.Size)), make("code", {}, item.Path))));
}
