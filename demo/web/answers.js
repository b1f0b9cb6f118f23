/* What can be done with every answer: keep it beside the next one, and save it as a picture with its credits. */
(() => {
  const TIDY = ".mm-actions, .mm-carry, .mm-exports, [hidden]:not(.mm-overlay)";
  const answerOf = (button) => button.closest(".mm-answer");
  const say = (button, key) => {
    const label = button.textContent;
    button.textContent = window.mmcore.text(key);
    setTimeout(() => { button.textContent = label; }, 2000);
  };

  /* A copy that only shows: as the answer looks now, without what can be pressed. */
  const copyOf = (answer) => {
    const copy = answer.cloneNode(true);
    copy.querySelectorAll(TIDY).forEach((one) => one.remove());
    copy.querySelectorAll("[id]").forEach((one) => one.removeAttribute("id"));
    copy.querySelectorAll("button").forEach((one) => {
      const still = document.createElement("span");
      still.className = one.className;
      still.style.cssText = one.style.cssText;
      still.append(...one.childNodes);
      one.replaceWith(still);
    });
    copy.querySelectorAll("[aria-live], [role=status]").forEach((one) => { one.removeAttribute("aria-live"); one.removeAttribute("role"); });
    return copy;
  };

  const keep = (button) => {
    const answer = answerOf(button);
    const place = button.closest(".mm-answers") ?? button.closest(".mm-panel").parentElement;
    let kept = place.querySelector(":scope > .mm-kept");
    if (!kept) {
      kept = document.createElement("section");
      kept.className = "mm-kept";
      place.append(kept);
    }
    const title = document.createElement("h3");
    title.textContent = window.mmcore.text("text.kept");
    const away = document.createElement("button");
    away.type = "button";
    away.className = "mm-action";
    away.textContent = window.mmcore.text("text.kept.away");
    away.addEventListener("click", () => kept.remove());
    const head = document.createElement("div");
    head.className = "mm-kept-head";
    head.append(title, away);
    kept.setAttribute("aria-label", title.textContent);
    kept.replaceChildren(head, copyOf(answer));
    say(button, "text.kept.done");
  };

  const inline = async (image) => {
    if (image.src.startsWith("data:")) return;
    const blob = await (await fetch(image.src)).blob();
    image.src = await new Promise((done) => {
      const reader = new FileReader();
      reader.onload = () => done(reader.result);
      reader.readAsDataURL(blob);
    });
  };
  const styles = () => [...document.styleSheets].flatMap((sheet) => {
    // Neither further sheets nor fonts: the drawing may fetch nothing.
    const drawn = (rule) => ![CSSRule.IMPORT_RULE, CSSRule.FONT_FACE_RULE].includes(rule.type);
    try { return [...sheet.cssRules].filter(drawn).map((rule) => rule.cssText); } catch { return []; }
  }).join("\n");

  /* Who made what the picture shows: the example in use, and what the answer itself names. */
  const credits = (answer) => {
    const ways = window.mmcore.ways;
    const seen = (one) => one.checkVisibility?.() ?? true;
    const named = [...answer.querySelectorAll("[data-credit]")].filter(seen).map((one) => one.dataset.credit);
    return [...new Set([ways.file(), ...named])].map((name) => window.mmcoreCredits[name]).filter(Boolean);
  };

  const drawn = async (answer) => {
    const width = Math.min(900, window.innerWidth);
    const sheet = document.createElement("div");
    sheet.className = document.body.classList.contains("dark") ? "dark" : "";
    const inside = document.createElement("div");
    inside.className = "gradio-container mm-saved";
    inside.style.width = `${width}px`;
    const panel = document.createElement("div");
    panel.className = "mm-panel prose";
    panel.append(copyOf(answer));
    const foot = document.createElement("footer");
    const lines = [...credits(answer), `${document.title} · ${window.mmcore.ways.link()}`];
    for (const line of lines) foot.append(Object.assign(document.createElement("p"), { textContent: line }));
    inside.append(panel, foot);
    sheet.append(inside);
    await Promise.all([...sheet.querySelectorAll("img[src]")].map(inline));
    sheet.style.cssText = "position:fixed;left:-10000px;top:0";
    document.body.append(sheet);
    await Promise.all([...sheet.querySelectorAll("img[src]")].map((image) => image.decode().catch(() => null)));
    const height = Math.ceil(inside.getBoundingClientRect().height);
    sheet.remove();
    sheet.style.cssText = "";
    const style = document.createElement("style");
    style.textContent = styles();
    sheet.prepend(style);
    const page = new XMLSerializer().serializeToString(sheet);
    const { namespaceURI } = new DOMParser().parseFromString("<svg></svg>", "text/html").querySelector("svg");
    const picture = new Image();
    picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(
      `<svg xmlns="${namespaceURI}" width="${width}" height="${height}"><foreignObject width="100%" height="100%">${page}</foreignObject></svg>`,
    )}`;
    await picture.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: width * 2, height: height * 2 });
    const brush = canvas.getContext("2d");
    brush.fillStyle = getComputedStyle(document.body).backgroundColor;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error("nothing drawn"))), "image/png"));
  };

  const save = async (button) => {
    button.disabled = true;
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await drawn(answerOf(button)));
      link.download = `mmcore-${window.mmcore.ways.tab()}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      console.warn(error);
      say(button, "text.saved.not");
    } finally {
      button.disabled = false;
    }
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-keep], [data-save]");
    if (!button) return;
    if (button.hasAttribute("data-keep")) keep(button);
    else save(button);
  });
})();
