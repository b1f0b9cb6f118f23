/* Example queries: a click puts the words in. */
element.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-index]");
  if (chip) trigger("select", { index: Number(chip.dataset.index) });
});
