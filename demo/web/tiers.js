/* What a tier would take: shown while it is pointed at or has the keyboard, and after it was chosen and is not here. */
const tierOf = (event) => event.target.closest?.("#mm-tier label")?.querySelector("input")?.value;
let pinned = null;
const show = (tier) => {
  element.querySelectorAll("[data-tier]").forEach((note) => { note.hidden = note.dataset.tier !== tier; });
};
const leave = () => show(pinned);
document.addEventListener("pointerover", (event) => { if (tierOf(event)) show(tierOf(event)); });
document.addEventListener("pointerout", (event) => { if (tierOf(event)) leave(); });
document.addEventListener("focusin", (event) => { if (event.target.matches?.(":focus-visible") && tierOf(event)) show(tierOf(event)); });
document.addEventListener("focusout", (event) => { if (tierOf(event)) leave(); });
document.addEventListener("click", (event) => {
  const tier = tierOf(event);
  if (!tier && element.contains(event.target)) return;
  const note = tier && element.querySelector(`[data-tier="${tier}"]`);
  pinned = note && note.dataset.missing !== "0" ? tier : null;
  show(pinned ?? (note ? tier : null));
});
document.addEventListener("keydown", (event) => { if (event.key === "Escape") { pinned = null; show(null); } });
watch("value", () => show(pinned));
