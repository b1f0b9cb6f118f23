/* An example is taken as if the visitor had chosen its file. */
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-example]");
  if (button) trigger("select", { index: Number(button.dataset.example) });
});

/* Browsers call every .webm and .mp4 a video, and gradio's input takes none, though recorders save sound in them. */
const INPUT = "#mm-sound input[type=file]";
const asSound = (file) => new File([file], file.name, { type: file.type.replace(/^video\//, "audio/") });

const giveSound = (event, input, files) => {
  if (!input || ![...files].some((file) => file.type.startsWith("video/"))) return;
  event.stopImmediatePropagation();
  event.preventDefault();
  const renamed = new DataTransfer();
  for (const file of files) renamed.items.add(asSound(file));
  input.files = renamed.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};

document.addEventListener("click", () => {
  document.querySelectorAll(INPUT).forEach((input) => { input.accept = "audio/*,video/webm,video/mp4"; });
}, true);
document.addEventListener("change", (event) => {
  if (event.target.matches?.(INPUT)) giveSound(event, event.target, event.target.files);
}, true);
document.addEventListener("drop", (event) => {
  if (event.target.closest?.("#mm-sound")) giveSound(event, document.querySelector(INPUT), event.dataTransfer.files);
}, true);
