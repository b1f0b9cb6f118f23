/* The conversation: Copy takes the last answer; a new question is scrolled into view. */
element.addEventListener("click", async (event) => {
  const copying = event.target.closest("[data-copy]");
  if (!copying) return;
  const answers = element.querySelectorAll("[data-text]");
  await window.mmcore.copy(answers[answers.length - 1].dataset.text, copying);
});

let turns = 0;
watch("value", () => {
  const asked = element.querySelectorAll(".mm-asked");
  if (asked.length > turns && turns > 0) asked[asked.length - 1].scrollIntoView({ block: "nearest" });
  turns = asked.length;
});
