// What is looked at in a page for people who see little of it or nothing: for test_dashboard_access.py.

// Texts with less contrast to what is behind them than WCAG 2 AA asks for (1.4.3).
function faint() {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.data.trim();
    const isShown = element.checkVisibility({ visibilityProperty: true });
    if (!text || !isShown || element.closest(".unseen, noscript, :disabled")) continue;
    const under = ground(element);
    const own = over(channels(getComputedStyle(element).color), under);
    const [more, less] = [luminance(own), luminance(under)].sort((a, b) => b - a);
    const ratio = (more + 0.05) / (less + 0.05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${element.className} ${text.slice(0, 40)}`);
  }
  return found;
}

// Any colour of CSS as four numbers: a canvas knows them all.
function channels(colour) {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
}

function over([red, green, blue, alpha], under) {
  return [red, green, blue].map((c, i) => (c * alpha + under[i] * (255 - alpha)) / 255);
}

// What is behind an element: its own ground over those of all around it.
function ground(element) {
  const above = [];
  for (let e = element; e; e = e.parentElement) above.push(getComputedStyle(e).backgroundColor);
  return above.reverse().reduce((under, colour) => over(channels(colour), under), [255, 255, 255]);
}

function luminance(rgb) {
  const linear = rgb.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return linear[0] * 0.2126 + linear[1] * 0.7152 + linear[2] * 0.0722;
}

// What is wrong with the page's skeleton.
function mistakes() {
  const found = [];
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  found.push(...ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `id ${id} twice`));
  for (const name of ["aria-controls", "aria-labelledby"]) {
    for (const e of document.querySelectorAll(`[${name}]`)) {
      const missing = e.getAttribute(name).split(" ").filter((id) => !document.getElementById(id));
      found.push(...missing.map((id) => `${name} leads nowhere: ${id}`));
    }
  }
  for (const tag of ["main", "header", "h1"]) {
    if (document.querySelectorAll(tag).length !== 1) found.push(`not one ${tag}`);
  }
  found.push(...[...document.querySelectorAll("nav:not([aria-label])")].map(() => "a nav without a name"));
  const isHeadless = (table) => !table.querySelector("th[scope=col]");
  found.push(...[...document.querySelectorAll("table")].filter(isHeadless).map(() => "a table without heads"));
  if (!document.documentElement.lang) found.push("no language");
  return found;
}
