/* The map of the class that is chosen. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-map]");
  if (!button) return;
  for (const one of element.querySelectorAll("[data-map]")) one.setAttribute("aria-pressed", String(one === button));
  for (const one of element.querySelectorAll("[data-layer], [data-sum]")) {
    one.hidden = (one.dataset.layer ?? one.dataset.sum) !== button.dataset.map;
  }
});
