"use strict";
// Search and filters over what the page shows without them.
(() => {
  const controls = document.querySelector(".controls");
  const steps = [...document.querySelectorAll("[data-kind]")];
  if (!controls || steps.length < 2) return;
  const search = controls.querySelector("input");
  const buttons = [...controls.querySelectorAll("button")];
  const shown = controls.querySelector("output");
  const texts = steps.map((step) => step.textContent.toLowerCase().replace(/\s+/g, " "));
  const chosen = (filter) =>
    buttons.filter((b) => b.dataset.filter === filter && b.ariaPressed === "true").map((b) => b.value);
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const filters = ["kind", "action", "mark"].map((name) => [name, chosen(name)]);
    let count = 0;
    steps.forEach((step, i) => {
      const fits = filters.every(([name, values]) =>
        values.length === 0 || values.some((value) => step.dataset[name].split(" ").includes(value)));
      step.hidden = !(fits && words.every((word) => texts[i].includes(word)));
      count += !step.hidden;
    });
    shown.value = `${count} of ${steps.length}`;
  };
  search.addEventListener("input", apply);
  buttons.forEach((button) => button.addEventListener("click", () => {
    button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
    apply();
  }));
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  controls.hidden = false;
  apply();
})();
