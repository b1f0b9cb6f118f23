/* The audio answer: a label or an event that is clicked is marked everywhere, and its evidence is asked for. */
const mark = (label, event) => {
  element.querySelectorAll(".mm-labels [data-label]").forEach((button) => {
    button.setAttribute("aria-pressed", String(button.dataset.label === label));
  });
  element.querySelectorAll("[data-row]").forEach((row) => { row.classList.toggle("mm-on", row.dataset.row === label); });
  element.querySelectorAll("[data-band]").forEach((band) => { band.hidden = band.dataset.band !== label; });
  element.querySelectorAll(".mm-event").forEach((other) => { other.classList.toggle("mm-on", other === event); });
};

const prepare = () => {
  stop();
  window.mmcore.soundAsked = false;
  mark(element.querySelector('.mm-labels [aria-pressed="true"]')?.dataset.label, null);
};

/* An event that is clicked is played, with a cursor that moves over all tracks; a second click ends it. */
const player = new Audio();
let playing = null;
let clock = 0;
const stop = () => {
  player.pause();
  clearInterval(clock);
  playing = null;
  element.querySelectorAll(".mm-cursor").forEach((cursor) => cursor.remove());
};
const move = () => {
  if (!playing?.isConnected || player.ended || player.currentTime >= Number(playing.dataset.end)) { stop(); return; }
  const place = `${Math.min(100, player.currentTime / Number(playing.dataset.duration) * 100)}%`;
  element.querySelectorAll(".mm-when .mm-track").forEach((track) => {
    const cursor = track.querySelector(".mm-cursor") ?? track.appendChild(Object.assign(document.createElement("i"), { className: "mm-cursor" }));
    cursor.style.left = place;
  });
};
const play = async (event) => {
  const again = playing === event;
  stop();
  if (again || !window.mmcore.sound) return;
  if (player.src !== window.mmcore.sound) player.src = window.mmcore.sound;
  playing = event;
  player.currentTime = Number(event.dataset.start);
  try { await player.play(); } catch { stop(); return; } // a kind of file that the browser cannot play
  clock = setInterval(move, 50);
};

element.addEventListener("click", async (event) => {
  const chosen = event.target.closest("[data-label]");
  if (chosen) {
    if (chosen.classList.contains("mm-event")) play(chosen);
    const { label, start, length } = chosen.dataset;
    mark(label, chosen.classList.contains("mm-event") ? chosen : null);
    window.mmcore.soundAsked = true; // the explanation opens on a narrow screen, too
    const seconds = (written) => (written === undefined ? null : Number(written));
    trigger("select", { label, start: seconds(start), length: seconds(length) });
    return;
  }
  const copying = event.target.closest("[data-copy]");
  if (copying) await window.mmcore.copy(element.querySelector("[data-text]").dataset.text, copying);
});

watch("value", prepare);
prepare();
