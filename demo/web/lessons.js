/* The lessons: votes, checks, addresses and progress, and the small calculations, which need no server. */
const KEY = "mmcore-lessons";
const find = (selector) => element.querySelector(selector);
const all = (selector) => [...element.querySelectorAll(selector)];
const put = (selector, text) => { for (const one of all(selector)) one.textContent = text; };
const sum = (values) => values.reduce((total, value) => total + value, 0);
const fixed = (value, digits) => { // no "-0.00"
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
};
const minus = (value, digits) => fixed(value, digits).replace("-", "−");
const softmax = (scores) => {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = sum(powers);
  return powers.map((value) => value / total);
};
const even = (shares) => Math.exp(-sum(shares.map((p) => (p > 0 ? p * Math.log(p) : 0))));
const mean = (rows) => rows[0].map((_, place) => sum(rows.map((row) => row[place])) / rows.length);
const correlation = (first, second) => {
  const centre = (values) => { const middle = sum(values) / values.length; return values.map((value) => value - middle); };
  const [a, b] = [centre(first), centre(second)];
  const dot = (x, y) => sum(x.map((value, place) => value * y[place]));
  const length = Math.sqrt(dot(a, a) * dot(b, b));
  return length ? dot(a, b) / length : 0;
};

/* In a class everybody begins anew, also at a machine that others used before. */
const classroom = window.mmcore.classroom;
const shelf = () => (classroom.room.code ? [sessionStorage, `${KEY}-${classroom.room.code}`] : [localStorage, KEY]);
const progress = () => { try { const [store, name] = shelf(); return JSON.parse(store.getItem(name)) ?? {}; } catch { return {}; } };
const remember = (change) => {
  const known = progress();
  const step = find(".mm-step");
  const place = `${step.dataset.lesson}.${step.dataset.step}`;
  known[place] = { ...known[place], ...change };
  try { const [store, name] = shelf(); store.setItem(name, JSON.stringify(known)); } catch { /* private window */ }
};

/* Colours of one map in the 49 cells of a grid; the numbers stand in their titles. */
const paint = (cells, values, digits, least = 0) => { // the full colour stands for the largest, or for "least" if that is more
  const most = Math.max(...values.map(Math.abs), least) || 1;
  cells.forEach((cell, place) => {
    const share = values[place] / most;
    cell.style.background = share < 0 ? `rgba(59, 130, 246, ${(-share * 0.8).toFixed(3)})` : `rgba(250, 204, 21, ${(share * 0.8).toFixed(3)})`;
    cell.title = fixed(values[place], digits);
  });
};
const grid = (name) => all(`[data-grid="${name}"] .mm-cells i`);
const picked = (name) => Number(find(`[data-pick="${name}"][aria-pressed="true"]`)?.dataset.value ?? 0);
const out = (name, text) => put(`[data-out="${name}"]`, text);
const percent = (share, digits = 0) => `${fixed(share * 100, digits)} %`;
const pressed = (name) => Number(find(`[data-${name}][aria-pressed="true"]`)?.dataset[name] ?? 0);

const KINDS = {
  byhand(data) {
    const read = (name, row) => [0, 1, 2, 3].map((place) => Number(find(`[data-cell="${name},${row},${place}"]`).value) || 0);
    const query = read("q", 0);
    const scores = [0, 1, 2].map((row) => sum(read("k", row).map((value, place) => value * query[place])) / 2);
    const weights = softmax(scores);
    scores.forEach((score, row) => put(`[data-score="${row}"]`, fixed(score, 2)));
    weights.forEach((weight, row) => put(`[data-weight="${row}"]`, fixed(weight, 3)));
    const output = [0, 1].map((place) => sum(weights.map((weight, row) => weight * data.values[row][place])));
    put("[data-result]", `(${fixed(output[0], 2)}, ${fixed(output[1], 2)})`);
    all(".mm-filled mn").forEach((one, place) => { one.textContent = place < 3 ? fixed(scores[place], 2) : fixed(weights[place - 3], 3); });
    const [mine, verdict] = [find("[data-mine]"), find("[data-verdict]")];
    if (mine.value === "") verdict.textContent = "";
    else verdict.textContent = Math.abs(Number(mine.value) - weights[0]) < 0.006 ? verdict.dataset.right : verdict.dataset.wrong;
  },
  temperature(data) {
    const heat = Number(find('[data-input="temperature"]').value);
    // softmax(log p / T) is softmax(s / T): a constant added to all the scores changes nothing.
    const shares = softmax(data.shares.map((share) => Math.log(Math.max(share, 1e-9)) / heat));
    all(".mm-bars i").forEach((bar, place) => { bar.style.height = `${shares[place] * 100 / Math.max(...shares)}%`; });
    put('[data-output="temperature"], [data-filled="temperature"]', fixed(heat, 1));
    put("[data-largest]", `${fixed(Math.max(...shares) * 100, 1)} %`);
    put("[data-even]", fixed(even(shares), 1));
  },
  words(data) {
    const map = data.maps[pressed("word")];
    paint(grid("map"), map, 3);
    put('[data-even], [data-filled="even"]', fixed(even(map), 1));
  },
  heads(data) {
    const layers = data.attention[pressed("word")];
    const chosen = (find('[data-head][aria-pressed="true"]') ?? find(`[data-head="${layers.length - 1},0"]`));
    chosen.setAttribute("aria-pressed", "true");
    const [layer, head] = chosen.dataset.head.split(",").map(Number);
    layers.forEach((heads, place) => {
      put(`[data-share="${place}"]`, `${fixed(sum(mean(heads)) * 100, 0)} %`);
      heads.forEach((cells, number) => {
        const most = Math.max(...cells) || 1;
        all(`[data-head="${place},${number}"] i`).forEach((cell, at) => { cell.style.opacity = (cells[at] / most).toFixed(3); });
      });
    });
    const cells = layers[layer][head];
    const total = sum(cells);
    paint(grid("map"), cells, 3);
    put("[data-cells]", `${fixed(total * 100, 1)} %`);
    put("[data-even]", fixed(even(cells.map((value) => value / total)), 1));
    put('[data-filled="cells"]', fixed(total, 3));
    put('[data-filled="tags"]', fixed(1 - total, 3));
  },
  compare(data) {
    const word = pressed("word");
    paint(grid("map"), data.maps[word], 3);
    if (!data.lost) return;
    paint(grid("lost"), data.lost[word], 2);
    put('[data-r], [data-filled="r"]', fixed(correlation(data.maps[word], data.lost[word]), 2));
  },
  arrows() {
    const value = (name) => Number(find(`[data-input="${name}"]`).value);
    const radians = (degrees) => degrees * Math.PI / 180;
    const ends = ["a", "b"].map((name) => [value(`length-${name}`) * Math.cos(radians(value(`angle-${name}`))), value(`length-${name}`) * Math.sin(radians(value(`angle-${name}`)))]);
    ends.forEach(([x, y], place) => {
      const arrow = find(`[data-arrow="${place}"]`);
      arrow.setAttribute("x2", (x * 40).toFixed(1));
      arrow.setAttribute("y2", (-y * 40).toFixed(1));
      put(`[data-end="${place}"]`, `(${fixed(x, 2)}, ${fixed(y, 2)})`);
    });
    for (const name of ["angle-a", "length-a", "angle-b", "length-b"]) put(`[data-output="${name}"]`, String(value(name)));
    const dot = ends[0][0] * ends[1][0] + ends[0][1] * ends[1][1];
    const lengths = ends.map(([x, y]) => Math.hypot(x, y));
    put("[data-dot]", fixed(dot, 2));
    put("[data-cosine]", fixed(dot / (lengths[0] * lengths[1]), 2));
  },
  matrix(data) {
    const heat = Number(find('[data-input="tau"]')?.value ?? 1);
    const shown = data.softmax ? data.cosines.map((row) => softmax(row.map((value) => value / heat))) : data.cosines;
    const most = Math.max(...shown.flat());
    const least = data.softmax ? 0 : Math.min(...shown.flat());
    shown.forEach((row, at) => row.forEach((value, place) => {
      const cell = find(`[data-pair="${at},${place}"]`);
      cell.textContent = data.softmax ? `${fixed(value * 100, 1)} %` : fixed(value, 3);
      cell.style.setProperty("--share", ((value - least) / (most - least || 1)).toFixed(3));
    }));
    put('[data-output="tau"], [data-filled="tau"]', String(heat));
    if (!data.loss) return;
    const columns = shown.map((_, place) => softmax(data.cosines.map((row) => row[place] / heat)));
    const rows = -sum(shown.map((row, place) => Math.log(row[place]))) / shown.length;
    const across = -sum(columns.map((column, place) => Math.log(column[place]))) / shown.length;
    put('[data-loss], [data-filled="loss"]', fixed((rows + across) / 2, 3));
    put('[data-filled="rows"]', fixed(rows, 3));
    put('[data-filled="columns"]', fixed(across, 3));
  },
};
/* A question for the server whose answer must not draw the step again, because somebody is typing in it. The view of
   the same kind in REPLIES gets the answer. One question is on its way at a time; then the latest one follows. */
const REPLIES = {};
const asking = { busy: false, next: null, last: null, count: 0 };
const ask = (text) => {
  if (text === asking.last) return;
  asking.last = text;
  if (asking.busy) asking.next = text;
  else send(text);
};
const send = (text) => {
  const step = find(".mm-step");
  asking.busy = true;
  asking.next = null;
  asking.count += 1; // two equal answers in a row would be no change
  const asked = { lesson: Number(step.dataset.lesson), step: Number(step.dataset.step), text, count: asking.count };
  question("lesson_ask", asked).then(([said]) => answered(said), () => trigger("submit", asked));
};
const answered = (said) => {
  const { lesson, step, text, answer } = JSON.parse(said);
  const [here, view] = [find(".mm-step"), find(".mm-live")];
  asking.busy = false;
  if (asking.next !== null) send(asking.next);
  if (view && Number(here.dataset.lesson) === lesson && Number(here.dataset.step) === step) {
    REPLIES[view.dataset.kind](answer, JSON.parse(view.dataset.data), text);
  }
};
document.addEventListener("mm-lesson-reply", (event) => answered(event.detail));

const compute = () => {
  const view = find(".mm-live");
  if (view) KINDS[view.dataset.kind](JSON.parse(view.dataset.data));
};

const vote = (place) => {
  const step = find(".mm-step");
  const right = place === Number(step.dataset.answer);
  for (const one of all("[data-vote]")) {
    one.setAttribute("aria-pressed", String(Number(one.dataset.vote) === place));
    one.classList.toggle("mm-is-right", one.dataset.vote === step.dataset.answer);
  }
  const said = find(".mm-vote .mm-said");
  said.textContent = right ? said.dataset.right : said.dataset.wrong;
  find(".mm-after").hidden = false;
};
const check = (place) => {
  const step = find(".mm-step");
  for (const one of all("[data-try]")) {
    const chosen = Number(one.dataset.try) === place;
    one.setAttribute("aria-pressed", String(chosen));
    one.classList.toggle("mm-is-right", chosen && one.dataset.try === step.dataset.check);
    one.classList.toggle("mm-is-wrong", chosen && one.dataset.try !== step.dataset.check);
    if (chosen) find(".mm-check .mm-said").textContent = one.dataset.said;
  }
};

/* What else is done when a step, or the page for teachers, is there. */
const ready = [];
const renew = () => { // the votes of a step as nobody has voted, then those that are known
  const step = find(".mm-step");
  if (!step) return;
  for (const one of all("[data-vote], [data-try]")) {
    one.setAttribute("aria-pressed", "false");
    one.classList.remove("mm-is-right", "mm-is-wrong");
  }
  put(".mm-said", "");
  find(".mm-after").hidden = true;
  recall();
};
const recall = () => {
  const step = find(".mm-step");
  const known = progress();
  const here = known[`${step.dataset.lesson}.${step.dataset.step}`] ?? {};
  if (here.vote !== undefined) vote(here.vote);
  if (here.check !== undefined) check(here.check);
  for (const one of all(".mm-step-nav [data-go]")) {
    one.classList.toggle("mm-done", known[one.dataset.go.replace(",", ".")]?.check !== undefined);
  }
};
const prepare = () => {
  if (find(".mm-step")) recall();
  asking.last = asking.next = null;
  compute();
  for (const one of ready) one();
};

/* Steps and answers are asked for as gradio asks, through its queue, but without its client: that looks at every part of
   the page three times for each question, which takes longer than most steps. What goes wrong is left to it to tell. */
const session = `lesson-${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
const base = `${location.origin}${location.pathname.replace(/\/?$/, "/")}gradio_api/queue`;
let chain = Promise.resolve();
const queued = async (name, event_data) => {
  const { id } = window.gradio_config.dependencies.find((one) => one.api_name === name);
  const body = { data: [window.mmcore.language()], fn_index: id, session_hash: session, event_data, trigger_id: null };
  const joined = await fetch(`${base}/join`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (!joined.ok) throw new Error(joined.status);
  const { event_id } = await joined.json();
  const stream = await fetch(`${base}/data?session_hash=${session}`);
  if (!stream.ok) throw new Error(stream.status);
  const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ""; ;) {
    const { done, value } = await reader.read();
    if (done) throw new Error("the stream ended");
    text += value;
    const messages = text.split("\n\n");
    text = messages.pop();
    for (const message of messages) {
      const said = JSON.parse(message.slice(message.indexOf("{")));
      if (said.event_id !== event_id || said.msg !== "process_completed") continue;
      // To its end, or the server would take the next question of this session for one that nobody waits for.
      const ended = (async () => { while (!(await reader.read()).done); })();
      return { ended, said };
    }
  }
};
const question = (name, event_data) => { // one at a time: they share a session
  const asked = chain.then(() => queued(name, event_data));
  chain = asked.then(({ ended }) => ended).catch(() => {});
  return asked.then(({ said }) => {
    if (!said.success) throw new Error(said.output.error);
    return said.output.data;
  });
};
let place = null; // where this page is, for another language
let latest = 0;
window.mmcore.lessonPlace = () => {
  const here = place ?? find(".mm-step")?.dataset;
  return here ? JSON.stringify(here) : "";
};
const show = async (lesson, step, more = {}) => {
  const asked = { lesson: Number(lesson) || lesson, step: Number(step), ...more };
  latest += 1;
  const mine = latest;
  if (lesson === "classes") { trigger("select", asked); return; } // another tab
  place = asked;
  try {
    const html = (await question("lesson_go", asked)).at(-1);
    if (mine !== latest) return;
    props.value = html;
    await null; // gradio writes it into the page as soon as this script pauses
    prepare();
  } catch {
    if (mine === latest) trigger("select", asked);
  }
};
const press = (button, name) => {
  for (const one of all(`[data-${name}]`)) one.setAttribute("aria-pressed", String(one === button));
  compute();
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || !element.contains(button)) return;
  const { go, vote: voted, try: tried, picture, run, choose } = button.dataset;
  const step = find(".mm-step");
  if (go) {
    const [lesson, number] = go.split(",");
    const query = new URLSearchParams(location.search);
    query.set("lesson", lesson);
    query.set("step", number);
    history.pushState(null, "", `?${query}`);
    show(lesson, number);
  } else if (voted !== undefined) {
    vote(Number(voted));
    remember({ vote: Number(voted) });
    classroom.vote("vote", Number(voted));
  } else if (tried !== undefined) {
    check(Number(tried));
    remember({ check: Number(tried) });
    classroom.vote("check", Number(tried));
    find(`.mm-step-nav [data-go="${step.dataset.lesson},${step.dataset.step}"]`).classList.add("mm-done");
  } else if (picture) show(step.dataset.lesson, step.dataset.step, { picture });
  else if (choose !== undefined) show(step.dataset.lesson, step.dataset.step, { choice: choose });
  else if (run) {
    button.disabled = true;
    button.setAttribute("aria-busy", "true");
    show(step.dataset.lesson, step.dataset.step, { picture: run, choice: run, run: true });
  } else if (button.dataset.word) press(button, "word");
  else if (button.dataset.head) press(button, "head");
  else if (button.dataset.pick) {
    for (const one of all(`[data-pick="${button.dataset.pick}"]`)) one.setAttribute("aria-pressed", String(one === button));
    compute();
  } else if (button.dataset.fill) { // puts its value into a field
    find(`[data-input="${button.dataset.fill}"]`).value = button.dataset.value;
    compute();
  }
});
element.addEventListener("input", compute);
/* A picture that one points at or drags over: its two coordinates go to the sliders that it names. */
const point = (event) => {
  const box = event.target.closest?.("[data-point]");
  if (!box || !element.contains(box) || !event.buttons) return;
  const { left, top, width, height } = box.getBoundingClientRect();
  const shares = [(event.clientX - left) / width, 1 - (event.clientY - top) / height];
  box.dataset.point.split(",").forEach((name, axis) => {
    const slider = name && find(`[data-input="${name}"]`);
    if (!slider) return;
    const share = axis && box.dataset.down !== undefined ? 1 - shares[1] : shares[axis];
    slider.value = Number(slider.min) + Math.min(1, Math.max(0, share)) * (slider.max - slider.min);
  });
  compute();
};
element.addEventListener("pointerdown", point);
element.addEventListener("pointermove", point);
const explain = (event) => {
  const symbol = event.target.closest?.("[data-symbol]");
  for (const one of all("[data-explains]")) one.classList.toggle("mm-lit", one.dataset.explains === symbol?.dataset.symbol);
};
element.addEventListener("pointerover", explain);
/* An explanation is put away with Escape, until one points at its term again. */
element.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const term of all(".mm-term:is(:hover, :focus-within)")) term.classList.add("mm-put-away");
});
for (const again of ["pointerover", "focusin"]) {
  element.addEventListener(again, (event) => {
    for (const term of all(".mm-put-away")) if (!term.contains(event.target)) term.classList.remove("mm-put-away");
  });
}
/* The page could not fetch the lesson that its address names: a sentence and a button instead of nothing. */
window.mmcore.lessonMissing = () => {
  if (find("[data-go]")) return;
  const query = new URLSearchParams(location.search);
  const [lesson, step] = [query.get("lesson") ?? "1", query.get("step") ?? "1"].map((one) => one.replace(/\W/g, ""));
  const [said, again] = ["lessons.missing", "lessons.missing.again"].map((key) => window.mmcore.text(key));
  props.value = `<div class="mm-error" role="alert">${said}</div><p><button type="button" class="mm-action" data-go="${lesson},${step}">${again}</button></p>`;
};
window.addEventListener("popstate", () => {
  const query = new URLSearchParams(location.search);
  if (query.has("lesson")) show(query.get("lesson"), query.get("step") ?? 1);
});

if (new URLSearchParams(location.search).get("size") === "large") document.documentElement.classList.add("mm-large");
watch("value", prepare);
