/* The list of models: a button in a row says what to do with which model. */
element.addEventListener("click", (event) => {
  const pressed = event.target.closest("[data-action]");
  if (!pressed) return;
  pressed.disabled = true; // until the list comes anew
  trigger("select", { action: pressed.dataset.action, name: pressed.dataset.name });
});
// The list comes anew every second of a download: the keyboard stays where it was.
let held = null;
element.addEventListener("focusin", (event) => {
  held = event.target.closest("[data-action]")?.dataset.name ?? null;
});
new MutationObserver(() => {
  if (held === null || document.activeElement !== document.body) return;
  element.querySelector(`[data-action][data-name="${CSS.escape(held)}"]`)?.focus();
}).observe(element, { childList: true, subtree: true });
