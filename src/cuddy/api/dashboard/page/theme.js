// Light, dark, or as the system has it; the choice is kept for the next visit.

const KEPT_AS = "cuddy.theme";

export function start(fieldset) {
  const chosen = localStorage.getItem(KEPT_AS) ?? "auto";
  for (const choice of fieldset.querySelectorAll("input")) {
    choice.checked = choice.value === chosen;
    choice.addEventListener("change", () => {
      localStorage.setItem(KEPT_AS, choice.value);
      apply(choice.value);
    });
  }
  apply(chosen);
}

function apply(choice) {
  if (choice === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}
