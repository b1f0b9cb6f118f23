/* The board of one's own classes: its buttons and names ask the server, which draws it anew. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (!button) return;
  trigger("select", { do: button.dataset.do, class: Number(button.dataset.class), item: Number(button.dataset.item) });
});
element.addEventListener("change", (event) => {
  const field = event.target.closest("[data-name]");
  if (field) trigger("select", { do: "name", class: Number(field.dataset.name), name: field.value });
});
