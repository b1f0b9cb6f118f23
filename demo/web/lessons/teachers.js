/* The page for teachers: with answers or as a worksheet, on the screen and on paper. */
KINDS.teachers = () => { find(".mm-teachers").classList.toggle("mm-worksheet", picked("mode") === 1); };
element.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
/* Only the lesson goes on paper, where it is what is seen. */
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.toggle("mm-on-paper", element.isConnected && element.offsetParent !== null);
});
