// Elements, made without HTML: text that comes from containers is only ever text.

const SVG = "http://www.w3.org/2000/svg";

export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function makeSvg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// Names that begin with "on" are listeners; null and false leave an attribute out.
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

// Touches the document only where something is new: whoever reads or selects it is not disturbed.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Tells those who listen to the page instead of looking at it.
export function announce(text) {
  setText(document.getElementById("news"), text);
}

// The children of an element in this order, moving only those that are elsewhere.
export function arrange(parent, children) {
  children.forEach((child, index) => {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}
