/* Lesson 1: pixels, patches, words and sounds as a model gets them. */
const bytes = (packed) => Uint8Array.from(atob(packed), (sign) => sign.charCodeAt(0));
const variants = (place) => { for (const one of all("[data-variant]")) one.hidden = Number(one.dataset.variant) !== place; };
const sentences = (shares) => shares.forEach((share, place) => {
  out(`share-${place}`, percent(share, 1));
  find(`[data-share-row="${place}"] .mm-meter i`).style.width = `${share * 100}%`;
});

/* Fourier transform in place of a power of two of numbers (Cooley & Tukey, 1965). */
const fourier = (real, imaginary) => {
  const size = real.length;
  for (let at = 1, back = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; back & bit; bit >>= 1) back ^= bit;
    back ^= bit;
    if (at < back) {
      [real[at], real[back]] = [real[back], real[at]];
      [imaginary[at], imaginary[back]] = [imaginary[back], imaginary[at]];
    }
  }
  for (let length = 2; length <= size; length <<= 1) {
    const half = length >> 1;
    for (let turn = 0; turn < half; turn += 1) {
      const angle = -2 * Math.PI * turn / length;
      const [c, s] = [Math.cos(angle), Math.sin(angle)];
      for (let first = turn; first < size; first += length) {
        const second = first + half;
        const re = real[second] * c - imaginary[second] * s;
        const im = real[second] * s + imaginary[second] * c;
        real[second] = real[first] - re;
        imaginary[second] = imaginary[first] - im;
        real[first] += re;
        imaginary[first] += im;
      }
    }
  }
};
const toMel = (hertz) => (hertz < 1000 ? hertz * 3 / 200 : 15 + Math.log(hertz / 1000) * 27 / Math.log(6.4));
const toHertz = (mel) => (mel < 15 ? mel * 200 / 3 : 1000 * Math.exp((mel - 15) * Math.log(6.4) / 27));
/* As live.log_mel: columns of dB. */
const logMel = (samples, rate, window, hop, bands, top) => {
  const edges = [...Array(bands + 2).keys()].map((place) => toHertz(toMel(rate / 2) * place / (bands + 1)));
  const hann = Float64Array.from({ length: window }, (_, at) => 0.5 - 0.5 * Math.cos(2 * Math.PI * at / window));
  const filters = [...Array(bands).keys()].map((band) => {
    const [low, middle, high] = edges.slice(band, band + 3);
    const weights = [];
    for (let bin = Math.ceil(low * window / rate); bin <= window / 2 && bin * rate / window < high; bin += 1) {
      const hertz = bin * rate / window;
      const height = Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle));
      if (height > 0) weights.push([bin, height * 2 / (high - low)]);
    }
    return weights;
  });
  const columns = [];
  for (let middle = 0; middle <= samples.length; middle += hop) {
    const real = Float64Array.from(hann, (weight, at) => weight * (samples[middle - window / 2 + at] ?? 0));
    const imaginary = new Float64Array(window);
    fourier(real, imaginary);
    columns.push(filters.map((weights) => 10 * Math.log10(Math.max(1e-10, sum(weights.map(([bin, weight]) => weight * (real[bin] ** 2 + imaginary[bin] ** 2)))))));
  }
  const most = columns.reduce((high, column) => Math.max(high, ...column), -Infinity);
  return { columns: columns.map((column) => column.map((value) => Math.max(value, most - top))), most, edges };
};
const heard = { key: "", found: null };

Object.assign(KINDS, {
  pixels(data) {
    const values = bytes(data.pixels);
    const rgb = (x, y) => values.subarray(3 * (y * data.side + x), 3 * (y * data.side + x) + 3);
    const draw = (name, width, height, colour) => {
      const context = find(`[data-canvas="${name}"]`).getContext("2d");
      const image = context.createImageData(width, height);
      for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) image.data.set([...colour(x, y), 255], 4 * (y * width + x));
      context.putImageData(image, 0, 0);
      return context;
    };
    const [x, y] = [Number(find('[data-input="x"]').value), Number(find('[data-input="y"]').value)];
    const context = draw("picture", data.side, data.side, rgb);
    context.strokeStyle = "#fff";
    context.strokeRect(x - 5.5, y - 5.5, 11, 11);
    context.strokeStyle = "#000";
    context.strokeRect(x - 6.5, y - 6.5, 13, 13);
    const inside = (value) => value >= 0 && value < data.side;
    draw("near", 9, 9, (left, top) => (inside(x + left - 4) && inside(y + top - 4) ? rgb(x + left - 4, y + top - 4) : [127, 127, 127]));
    put('[data-output="x"]', String(x));
    put('[data-output="y"]', String(y));
    [...rgb(x, y)].forEach((value, place) => {
      const name = "rgb"[place];
      out(name, String(value));
      out(`${name}1`, fixed((value - 127) / 128, 3));
    });
  },
  fit(data) {
    const [way, crop] = [picked("way"), Number(find('[data-input="crop"]').value)];
    const place = way < 2 ? way : 2 + crop;
    variants(place);
    sentences(data.shares[place]);
    put('[data-output="crop"]', String(crop + 1));
    const [frame, wide] = [find(".mm-frame i"), data.ratio > 1];
    const part = wide ? 1 / data.ratio : data.ratio;
    frame.hidden = way < 2;
    frame.style.inset = wide ? `0 ${(1 - part) * (1 - crop / 4) * 100}% 0 ${(1 - part) * crop * 25}%` : `${(1 - part) * crop * 25}% 0 ${(1 - part) * (1 - crop / 4) * 100}% 0`;
    out("kept", percent(way < 2 ? 1 : part));
    out("stretch", way === 0 ? `× ${fixed(1 / data.ratio, 2)}` : "× 1.00");
  },
  patches(data) {
    const side = data.patches[picked("patch")];
    const count = data.side / side;
    const box = find(".mm-patches");
    const order = [...Array(count * count).keys()];
    if (picked("order")) { // the same shuffle each time: a step coprime to the number of patches
      const step = [...Array(count * count).keys()].find((one) => one > count * count / 2.6 && [2, 3, 5, 7].every((prime) => one % prime || (count * count) % prime)) ?? 1;
      order.forEach((_, at) => { order[at] = at * step % (count * count); });
    }
    box.style.gridTemplateColumns = `repeat(${count}, 1fr)`;
    box.replaceChildren(...order.map((place) => {
      const one = document.createElement("i");
      const shift = (at) => (count > 1 ? at * 100 / (count - 1) : 0);
      one.style.backgroundImage = `url(${data.picture})`;
      one.style.backgroundSize = `${count * 100}%`;
      one.style.backgroundPosition = `${shift(place % count)}% ${shift(Math.floor(place / count))}%`;
      return one;
    }));
    const grouped = (value) => value.toLocaleString("en");
    out("count", grouped(count * count));
    out("numbers", grouped(3 * side * side));
    out("pairs", grouped(count ** 4));
    out("side", String(side));
  },
  words_in() {
    ask(find('[data-input="typed"]').value);
  },
  sound(data) {
    const raw = bytes(data.samples);
    const samples = Float64Array.from(new Int16Array(raw.buffer), (value) => value / 32767);
    const [window, hop, bands] = [data.windows[picked("window")], data.hops[picked("hop")], Number(find('[data-input="bands"]').value)];
    const key = [data.samples.length, data.samples.slice(0, 4000), window, hop, bands].join();
    if (heard.key !== key) Object.assign(heard, { key, found: logMel(samples, data.rate, window, hop, bands, data.top) });
    const { columns, most, edges } = heard.found;
    const wave = find('[data-canvas="wave"]');
    const pen = wave.getContext("2d");
    pen.clearRect(0, 0, wave.width, wave.height);
    pen.fillStyle = getComputedStyle(wave).color;
    for (let x = 0; x < wave.width; x += 1) {
      const some = samples.subarray(Math.floor(x * samples.length / wave.width), Math.floor((x + 1) * samples.length / wave.width));
      const [low, high] = [Math.min(...some), Math.max(...some)];
      pen.fillRect(x, (1 - high) * wave.height / 2, 1, Math.max(1, (high - low) * wave.height / 2));
    }
    const canvas = find('[data-canvas="mel"]');
    [canvas.width, canvas.height] = [columns.length, bands];
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns.length, bands);
    columns.forEach((column, x) => column.forEach((value, band) => {
      const shade = data.colours[Math.round((1 - (most - value) / data.top) * (data.colours.length - 1))];
      image.data.set([...shade, 255], 4 * ((bands - 1 - band) * columns.length + x));
    }));
    context.putImageData(image, 0, 0);
    const place = (name, count) => Math.min(count - 1, Math.floor(Number(find(`[data-input="${name}"]`).value) * count));
    const [x, band] = [place("time", columns.length), place("band", bands)];
    context.fillStyle = "rgba(255, 255, 255, .55)";
    context.fillRect(x, 0, 1, bands - 1 - band);
    context.fillRect(x, bands - band, 1, band);
    context.fillRect(0, bands - 1 - band, x, 1);
    context.fillRect(x + 1, bands - 1 - band, columns.length - x - 1, 1);
    for (const name of ["time", "band"]) put(`[data-output="${name}"]`, percent(Number(find(`[data-input="${name}"]`).value)));
    put('[data-output="bands"]', String(bands));
    out("shape", `${bands} × ${columns.length}`);
    out("step_time", `${fixed(hop / data.rate * 1000, 1)} ms`);
    out("step_hertz", `${fixed(data.rate / window, 1)} Hz`);
    out("hop", String(hop));
    out("columns", String(columns.length));
    out("here", `${fixed(columns[x][band], 1)} dB · ${fixed(x * hop / data.rate, 2)} s · ${fixed(edges[band], 0)}–${fixed(edges[band + 2], 0)} Hz`);
  },
  augment(data) {
    const place = picked("change");
    variants(place);
    sentences(data.shares[place]);
    out("near", fixed(data.near[place], 2));
    put("[data-changed]", find('[data-pick="change"][aria-pressed="true"]').textContent);
  },
  lost(data) {
    KINDS.augment(data);
    const side = data.sides[picked("change")];
    out("s", String(side));
    out("rest", percent(side * side / data.sides[0] ** 2, 2));
  },
});

REPLIES.words_in = (answer) => {
  if (answer.problem) return;
  const rows = (name, pieces) => find(`[data-rows="${name}"]`).replaceChildren(...pieces.map(([piece, id]) => {
    const [chip, word, number] = ["span", "b", "small"].map((tag) => document.createElement(tag));
    [word.textContent, number.textContent] = [piece, String(id)];
    chip.classList.toggle("mm-unknown", piece === "[UNK]");
    chip.append(word, number);
    return chip;
  }));
  rows("read", answer.read);
  rows("raw", answer.raw);
  find("[data-raw-label]").hidden = answer.raw.length === 0;
  const english = find("[data-english]");
  english.textContent = answer.english ? `${english.dataset.label} ${answer.english}` : "";
  out("tokens", String(answer.read.length));
  out("unknown", String(answer.read.filter(([piece]) => piece === "[UNK]").length));
  out("cut", String(answer.cut));
};
