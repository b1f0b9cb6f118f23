/* The page for teachers: with answers or as a worksheet, on the screen and on paper. */
KINDS.teachers = () => { find(".mm-teachers").classList.toggle("mm-worksheet", picked("mode") === 1); };
element.addEventListener("click", (event) => { if (event.target.closest("[data-print]")) window.print(); });
/* Only the lesson goes on paper, where it is what is seen. The rules stand here, because gradio puts its own container
   before the selectors of style sheets, and these reach beyond it. */
const paper = document.createElement("style");
paper.textContent = `
@media print {
  .mm-on-paper body * { visibility: hidden; }
  .mm-on-paper :is(#mm-lesson, #mm-lesson *) { visibility: visible; }
  .mm-on-paper #mm-lesson { position: absolute; inset: 0 0 auto; max-width: none; border: 0; background: #fff; color: #000; }
  .mm-on-paper #mm-lesson :is(nav, .mm-turning, .mm-row, [data-print], .mm-room, .mm-class-problem, .mm-opening) { display: none; }
  .mm-teachers .mm-sheet { break-before: page; }
  .mm-teachers :is(h4, .mm-boxes, p) { break-inside: avoid; }
  .mm-teachers h4 { break-after: avoid; }
}
`;
document.head.append(paper);
window.addEventListener("beforeprint", () => {
  document.documentElement.classList.toggle("mm-on-paper", element.isConnected && element.getClientRects().length > 0);
});
