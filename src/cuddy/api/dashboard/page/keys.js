// What a terminal sends for a key (xterm's ctlseqs, "Special Keyboard Keys").

const LETTERS = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F", F1: "P", F2: "Q", F3: "R", F4: "S" };
const NUMBERS = { Insert: 2, Delete: 3, PageUp: 5, PageDown: 6, F5: 15, F6: 17, F7: 18, F8: 19, F9: 20, F10: 21, F11: 23, F12: 24 };
const SIMPLE = { Enter: "\r", Tab: "\t", Escape: "\x1b", Backspace: "\x7f" };
const CONTROL = { " ": "\0", "@": "\0", "[": "\x1b", "\\": "\x1c", "]": "\x1d", "^": "\x1e", _: "\x1f", "/": "\x1f", "?": "\x7f" };

// The bytes as text; "" for what the browser should deal with, as with letters, which come as input.
export function keyText(event, keysAreApplication) {
  const { key, ctrlKey, altKey, shiftKey, metaKey } = event;
  if (metaKey || event.isComposing) return "";
  const modifiers = 1 + (shiftKey ? 1 : 0) + (altKey ? 2 : 0) + (ctrlKey ? 4 : 0);
  if (LETTERS[key]) {
    if (modifiers > 1) return `\x1b[1;${modifiers}${LETTERS[key]}`;
    const isFunction = key.startsWith("F");
    return `\x1b${keysAreApplication || isFunction ? "O" : "["}${LETTERS[key]}`;
  }
  if (NUMBERS[key]) return `\x1b[${NUMBERS[key]}${modifiers > 1 ? `;${modifiers}` : ""}~`;
  if (key === "Tab" && shiftKey) return "\x1b[Z";
  if (SIMPLE[key]) return (altKey ? "\x1b" : "") + (ctrlKey && key === "Backspace" ? "\b" : SIMPLE[key]);
  if (key.length !== 1) return "";
  if (ctrlKey && !shiftKey) {
    const letter = key.toLowerCase();
    const control = letter >= "a" && letter <= "z" ? String.fromCharCode(letter.charCodeAt(0) - 96) : CONTROL[key] ?? "";
    return control && (altKey ? "\x1b" : "") + control;
  }
  return altKey && !ctrlKey ? `\x1b${key}` : "";
}
