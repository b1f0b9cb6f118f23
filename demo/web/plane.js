/* The map of a collection: a dot that is pointed at, or reached with the keyboard, shows its picture. */
const show = (dot) => {
  const preview = element.querySelector(".mm-preview");
  if (!preview) return;
  preview.hidden = !dot;
  if (!dot) return;
  preview.querySelector("img").src = dot.dataset.thumb;
  preview.querySelector("figcaption").textContent = dot.getAttribute("aria-label");
  // Towards the middle of the map, so that it is never cut off.
  const [left, top] = [parseFloat(dot.style.left), parseFloat(dot.style.top)];
  preview.style.left = left < 50 ? `calc(${left}% + 1rem)` : "auto";
  preview.style.right = left < 50 ? "auto" : `calc(${100 - left}% + 1rem)`;
  preview.style.top = top < 50 ? `${top}%` : "auto";
  preview.style.bottom = top < 50 ? "auto" : `${100 - top}%`;
};
const dotOf = (event) => event.target.closest?.(".mm-dot");

element.addEventListener("pointerover", (event) => { if (dotOf(event)) show(dotOf(event)); });
element.addEventListener("pointerout", (event) => { if (dotOf(event)) show(null); });
element.addEventListener("focusin", (event) => { if (dotOf(event)) show(dotOf(event)); });
element.addEventListener("focusout", (event) => { if (dotOf(event)) show(null); });
