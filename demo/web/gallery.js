/* The gallery: a match that is clicked is marked, and asked for in large. */
element.addEventListener("click", async (event) => {
  const picked = event.target.closest("[data-pick]");
  if (picked) {
    element.querySelectorAll("[data-pick]").forEach((other) => {
      other.setAttribute("aria-pressed", String(other === picked));
    });
    window.mmcore.lookedAt = true;
    trigger("select", { index: Number(picked.dataset.pick) });
    return;
  }
  const copying = event.target.closest("[data-copy]");
  if (copying) await window.mmcore.copy(element.querySelector("[data-text]").dataset.text, copying);
});
