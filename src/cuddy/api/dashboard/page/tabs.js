// Tabs as the ARIA practices describe them: one stop for Tab, arrows between them.

import { make } from "./dom.js";

// `panels`: a name, a title and the path that shows it for each.
export function makeTabs(label, panels, selected, panel) {
  const tabs = panels.map(({ name, title, path }) =>
    make(
      "button",
      { role: "tab", type: "button", id: `tab-${name}`, "aria-controls": "panel",
        "aria-selected": String(name === selected), tabindex: name === selected ? "0" : "-1",
        onclick: () => { location.hash = path; } },
      title,
    ));
  const list = make("div", { class: "tabs", role: "tablist", "aria-label": label }, tabs);
  list.addEventListener("keydown", (event) => {
    const here = tabs.indexOf(document.activeElement);
    const there = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (here < 0 || there === undefined) return;
    event.preventDefault();
    tabs[(there + tabs.length) % tabs.length].click();
  });
  panel.id = "panel";
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", `tab-${selected}`);
  const select = (name) => {
    panels.forEach((each, index) => {
      tabs[index].setAttribute("aria-selected", String(each.name === name));
      tabs[index].tabIndex = each.name === name ? 0 : -1;
      if (each.name === name && list.contains(document.activeElement)) tabs[index].focus();
    });
    panel.setAttribute("aria-labelledby", `tab-${name}`);
  };
  return { list, select };
}
