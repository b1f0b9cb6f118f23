/* Under a picture: a button takes it to another tab. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-carry]");
  if (!button) return;
  window.mmcore.ways.take(button.dataset.carry);
  trigger("select", {});
});
