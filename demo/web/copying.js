/* An answer whose text can be copied. */
element.addEventListener("click", async (event) => {
  const copying = event.target.closest("[data-copy]");
  if (copying) await window.mmcore.copy(element.querySelector("[data-text]").dataset.text, copying);
});
