"use strict";
// A page is whole without this: it sorts tables, moves the threshold, filters and enlarges pictures.
(() => {
  const text = (value, digits = 3) => (Number.isFinite(value) ? value.toFixed(digits) : "-");

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // ---- Sortable tables: up, down, and back to the order of the page.

  const ORDERS = { none: "ascending", ascending: "descending", descending: "none" };

  function makeSortable(table) {
    const given = [...table.tBodies[0].rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = make("button", { type: "button", className: "sort" }, ...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const order = ORDERS[head.getAttribute("aria-sort")];
        for (const other of heads) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", order);
        table.tBodies[0].replaceChildren(...sortedRows(given, column, order));
      });
    });
  }

  // Rows move within their section; the line that names a section stays where it is.
  function sortedRows(given, column, order) {
    if (order === "none") return given;
    const sign = order === "ascending" ? 1 : -1;
    const sections = [];
    for (const row of given) {
      if (row.classList.contains("section") || !sections.length) sections.push({ title: [], rows: [] });
      sections.at(-1)[row.classList.contains("section") ? "title" : "rows"].push(row);
    }
    return sections.flatMap(({ title, rows }) => [
      ...title,
      ...rows.sort((one, other) => compared(one.cells[column], other.cells[column], sign)),
    ]);
  }

  // Numbers as numbers, whatever small print follows them; cells without one come last either way.
  function compared(one, other, sign) {
    const [a, b] = [numberOf(one), numberOf(other)];
    if (a === null && b === null) {
      return sign * one.textContent.localeCompare(other.textContent, undefined, { numeric: true });
    }
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a - b);
  }

  function numberOf(cell) {
    if (cell.tagName === "TH") return null; // a name, even one that begins with a digit
    const found = /^[^\w+-]*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)/i.exec(cell.textContent.trim());
    return found && Number(found[1].replaceAll(",", ""));
  }

  // ---- The threshold: counts of the nearest of a few hundred thresholds, nothing is estimated.

  function makeMovable(panel) {
    const cells = JSON.parse(panel.querySelector("script").textContent);
    const control = (name) => panel.querySelector(`[name=${name}]`);
    const shown = Object.fromEntries([...panel.querySelectorAll("[data-show]")].map((one) => [one.dataset.show, one]));
    const [slider, cell, level] = ["threshold", "cell", "level"].map(control);
    const counted = () => cells[cell.value][level.value];
    const start = () => counted().cuts.indexOf(counted().threshold);

    function move() {
      const values = judged(counted(), Number(slider.value));
      for (const name of ["tn", "fp", "fn", "tp"]) shown[name].textContent = values[name].toLocaleString("en");
      for (const name of ["accuracy", "majority", "balanced_accuracy", "fpr", "fnr", "f1"]) {
        shown[name].textContent = text(values[name]);
      }
      const own = Number(slider.value) === start();
      shown.threshold.textContent = `${named(counted(), Number(slider.value))}${own ? ", the run's own" : ""}`;
      slider.setAttribute("aria-valuetext", shown.threshold.textContent);
      const [{ fp, fn }, { real, fake }] = [values, counted()];
      shown.sentence.textContent =
        `${fp.toLocaleString("en")} of ${plural(real, "real")} called fake, ` +
        `${fn.toLocaleString("en")} of ${plural(fake, "fake")} called real` +
        (own ? "." : "; at a threshold chosen on these very rows.");
      place(shown.point, values.fpr, 1 - values.fnr);
      const x = across(counted(), values.cut);
      shown.line.setAttribute("d", `M${x} 0V100`);
      shown.called.setAttribute("x", x);
      shown.called.setAttribute("width", 160 - x);
      control("back").disabled = own;
    }

    function back() {
      slider.value = start();
      move();
    }

    function choose() {
      const { cuts, low, high, bins, real, fake } = counted();
      slider.max = cuts.length - 1;
      shown.curve.setAttribute("d", curve(counted()));
      const most = Math.max(...bins.real.map((count) => count / real), ...bins.fake.map((count) => count / fake));
      shown.fakes.setAttribute("d", bars(bins.fake, -50 / (most * fake)));
      shown.reals.setAttribute("d", bars(bins.real, 50 / (most * real)));
      [shown.low.textContent, shown.high.textContent] = [apart(low, [high]), apart(high, [low])];
      const own = judged(counted(), start());
      place(shown.origin, own.fpr, 1 - own.fnr);
      back();
    }

    slider.addEventListener("input", move);
    control("back").addEventListener("click", back);
    for (const one of [cell, level]) one.addEventListener("change", choose);
    choose();
    panel.hidden = false;
  }

  function judged({ cuts, fp, tp, real, fake }, at) {
    const [negatives, missed] = [real - fp[at], fake - tp[at]];
    return {
      cut: cuts[at],
      fp: fp[at],
      tp: tp[at],
      tn: negatives,
      fn: missed,
      accuracy: (tp[at] + negatives) / (real + fake),
      majority: Math.max(real, fake) / (real + fake),
      balanced_accuracy: (tp[at] / fake + negatives / real) / 2,
      fpr: fp[at] / real,
      fnr: missed / fake,
      f1: (2 * tp[at]) / (2 * tp[at] + fp[at] + missed),
    };
  }

  // As few digits, three at least, as tell a number from others.
  function apart(value, others, least = 3) {
    const shorter = (one, digits) => String(Number(one.toPrecision(digits)));
    let digits = least;
    while (digits < 17 && others.some((other) => shorter(other, digits) === shorter(value, digits))) digits += 1;
    return shorter(value, digits);
  }

  // A threshold as told from those beside it; the one just above the highest score by that score.
  function named({ cuts, fp, tp }, at) {
    const above = fp.findIndex((count, one) => count + tp[one] === 0);
    if (at === above) return `above ${apart(cuts[at], [], 4)}`;
    const beside = [at - 1, at + 1].filter((one) => one !== above && one in cuts);
    return apart(cuts[at], beside.map((one) => cuts[one]), 4);
  }

  const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
  const across = ({ low, high }, cut) => 160 * Math.min(1, Math.max(0, (cut - low) / (high - low)));

  function place(circle, fpr, tpr) {
    circle.setAttribute("cx", 100 * fpr);
    circle.setAttribute("cy", 100 - 100 * tpr);
  }

  function curve({ fp, tp, real, fake }) {
    return fp.map((count, at) => `${at ? "L" : "M"}${(100 * count) / real} ${100 - (100 * tp[at]) / fake}`).join("");
  }

  function bars(counts, scale) {
    const width = 160 / counts.length;
    return counts.map((count, at) => (count ? `M${at * width} 50v${count * scale}h${width}V50z` : "")).join("");
  }

  // ---- The gallery: one kind alone, and a picture as large as there is room.

  function makeGallery(gallery) {
    const [controls, dialog] = [gallery.querySelector(".controls"), gallery.querySelector("dialog")];
    controls.addEventListener("change", (event) => {
      for (const group of gallery.querySelectorAll("[data-kind]")) {
        group.hidden = Boolean(event.target.value) && group.dataset.kind !== event.target.value;
      }
    });
    for (const picture of gallery.querySelectorAll(".card img")) {
      const button = make("button", { type: "button", className: "enlarge", title: "enlarge" });
      picture.replaceWith(button);
      button.append(picture);
      button.addEventListener("click", () => {
        const card = button.closest(".card").cloneNode(true);
        card.querySelector("button").replaceWith(picture.cloneNode());
        card.querySelectorAll("details").forEach((prompts) => (prompts.open = true));
        dialog.querySelector(".card")?.remove();
        dialog.prepend(card);
        dialog.showModal();
      });
    }
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    controls.hidden = false;
  }

  // ---- Paper shows what is folded away, in browsers too that do not let a style sheet say so.

  function unfoldOnPaper() {
    let unfolded = [];
    addEventListener("beforeprint", () => {
      unfolded = [...document.querySelectorAll("details:not([open])")];
      unfolded.forEach((one) => (one.open = true));
    });
    addEventListener("afterprint", () => unfolded.forEach((one) => (one.open = false)));
  }

  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll("[data-panel=threshold]").forEach(makeMovable);
  document.querySelectorAll(".gallery").forEach(makeGallery);
  unfoldOnPaper();
})();
