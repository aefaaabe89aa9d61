// A list: the page shows its first rows; the script unpacks all, sorts, filters and turns pages.
const PAGE = 100;

const unpack = async (base64) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
};

// search does not tell full width from half width, hiragana from katakana, upper from lower case
const fold = (text) =>
  text
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[\u3041-\u3096]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0x60));

const short = (text, most) => ([...text].length > most ? `${[...text].slice(0, most - 1).join("").trimEnd()}…` : text);

const option = (value, place) => {
  if (!Array.isArray(value)) return make("option", { value: place }, value);
  const [ja, en] = value;
  return make("option", { value: place, "data-ja": ja, "data-en": en }, root.lang === "ja" ? ja : en);
};

class ScoreList {
  constructor(element, data) {
    this.element = element;
    this.task = element.dataset.list;
    this.data = data;
    this.good = element.closest(".task").classList.contains("good");
    this.body = element.querySelector("tbody");
    this.columns = [...element.querySelectorAll("thead th")];
    this.told = [...this.body.rows]; // the first rows are in the page, with all their reasons
    this.band = data.score.map((score) => data.bands.findIndex((band) => score >= band.from));
    this.order = data.score.map((_, place) => place);
    this.shown = this.order;
    this.page = 0;
    this.told.forEach((row, place) => this.open(row.querySelector("bdi"), place));
    this.listen();
  }

  listen() {
    const find = (css) => this.element.querySelector(css);
    for (const select of this.element.querySelectorAll("select")) {
      const all = make("option", { value: "", "data-ja": phrases.all[0], "data-en": phrases.all[1] }, phrases.all[root.lang === "ja" ? 0 : 1]);
      const values = this.data[`${select.dataset.filter}s`];
      select.append(all, ...values.map((value, place) => option(value, place)));
    }
    followMap(this);
    find("input[type=search]").addEventListener("input", () => this.filter());
    this.element.addEventListener("change", ({ target }) => {
      // leaving the search changes nothing, and new rows would swallow the click that left it
      if (target.type !== "search") this.filter();
    });
    for (const header of this.columns) {
      header.querySelector("button")?.addEventListener("click", () => this.sort(header));
    }
    for (const button of this.element.querySelectorAll("[data-step]")) {
      button.addEventListener("click", () => {
        this.page += Number(button.dataset.step);
        this.show();
        this.element.scrollIntoView();
      });
    }
    this.count();
  }

  // what a row can be found by; folded once, when somebody searches
  get haystack() {
    const { name, id, owner, owners, segment, segments, texts } = this.data;
    this.folded ??= name.map((text, i) => fold(`${text} ${id[i]} ${owners[owner[i]] ?? ""} ${segments[segment[i]] ?? ""}`));
    this.reasons ??= texts.map((pair) => fold(pair.join(" ")));
    return this.folded;
  }

  matcher(word) {
    const rows = this.haystack;
    const told = new Set();
    this.reasons.forEach((text, place) => text.includes(word) && told.add(place));
    return (i) => rows[i].includes(word) || this.data.reasons[i].some((entry, k) => k % 2 && told.has(entry));
  }

  filter() {
    const chosen = (css) => this.element.querySelector(css)?.value ?? "";
    const words = fold(chosen("input[type=search]")).split(/\s+/).filter(Boolean);
    const tests = words.map((word) => this.matcher(word));
    const band = chosen("input[type=radio]:checked");
    if (band) {
      const place = this.data.bands.findIndex((each) => each.name === band);
      tests.push((i) => this.band[i] === place);
    }
    for (const name of ["owner", "segment", "prefecture"]) {
      const value = chosen(`[data-filter=${name}]`);
      if (value !== "") tests.push((i) => this.data[name][i] === Number(value));
    }
    this.shown = this.order.filter((i) => tests.every((test) => test(i)));
    this.page = 0;
    this.show();
  }

  values(column) {
    const { data } = this;
    const coded = (name) => data[name].map((code) => (code < 0 ? null : code)); // codes are in order
    if (column === "rank") return data.score.map((_, place) => place);
    if (column === "name") return data.name.map((name, i) => name || data.id[i]);
    if (column === "owner" || column === "segment") return coded(column);
    return column.startsWith("expected") ? data.expected : data[column];
  }

  sort(header) {
    const button = header.querySelector("button");
    const now = header.getAttribute("aria-sort");
    const falling = now ? now === "ascending" : "falling" in button.dataset;
    for (const other of this.columns) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const values = this.values(button.dataset.sort);
    const text = new Intl.Collator("ja", { numeric: true });
    const way = falling ? -1 : 1;
    this.order.sort((a, b) => {
      const [x, y] = [values[a], values[b]];
      if (x === null || y === null) return (x === null) - (y === null) || a - b; // unknown comes last
      return way * (typeof x === "string" ? text.compare(x, y) : x - y) || a - b;
    });
    this.filter();
  }

  show() {
    const from = this.page * PAGE;
    this.body.replaceChildren(...this.shown.slice(from, from + PAGE).map((place) => this.row(place)));
    this.count();
  }

  count() {
    const { shown, page } = this;
    const last = Math.min((page + 1) * PAGE, shown.length);
    const put = (name, number) => (this.element.querySelector(`[data-${name}]`).textContent = number.toLocaleString("en-US"));
    put("from", shown.length ? page * PAGE + 1 : 0);
    put("to", last);
    put("counter", shown.length);
    this.element.querySelector(".nothing").hidden = shown.length > 0;
    this.element.querySelector(".pager").hidden = shown.length <= PAGE;
    this.element.querySelector("[data-step='-1']").disabled = page === 0;
    this.element.querySelector("[data-step='1']").disabled = last >= shown.length;
  }

  row(place) {
    if (place < this.told.length) return this.told[place];
    const row = make("tr", { role: "row" });
    for (const header of this.columns) {
      const column = [...header.classList].find((name) => name.startsWith("c-")).slice(2);
      const tag = column === "name" ? "th" : "td";
      const role = column === "name" ? { role: "rowheader", scope: "row" } : { role: "cell" };
      row.append(make(tag, { class: `c-${column}`, ...role }, ...this.cell(column, place)));
    }
    return row;
  }

  cell(column, i) {
    const { data } = this;
    const label = (key) => make("span", { class: "inline-label" }, say(key));
    if (column === "rank") return [String(i + 1)];
    if (column === "name") {
      const name = this.open(make("bdi", {}, short(data.name[i] || data.id[i], 60)), i);
      return [name, data.name[i] ? make("small", {}, make("bdi", {}, short(data.id[i], 40))) : null];
    }
    if (column === "score") return [String(data.score[i])];
    if (column === "band") return [this.chip(i)];
    if (column === "change") return [label("change"), " ", this.moved(i)];
    if (column === "probability") return [label("probability"), " ", percent(data.probability[i])];
    if (column.startsWith("expected")) return [label(column), " ", money(data.expected[i], data.money)];
    if (column === "reasons") return this.brief(i);
    return [label(column), " ", make("bdi", {}, short(data[`${column}s`][data[column][i]] ?? "–", 20))];
  }

  chip(i) {
    const band = this.data.bands[this.band[i]];
    const dot = make("i", { class: `dot tone-${this.data.tones[this.band[i]]}` });
    return make("span", { class: "chip" }, dot, both(band.ja, band.en));
  }

  moved(i) {
    const change = this.data.change[i];
    if (change === null) return make("span", { class: "tag" }, say("new"));
    if (!change) return make("span", { class: "quiet" }, signed(0));
    return make("span", { class: `move ${change > 0 ? "up" : "down"}` }, `${change > 0 ? "▲" : "▼"} ${signed(change)}`);
  }

  brief(i) {
    const { reasons, texts } = this.data;
    const told = [];
    for (let k = 0; k < reasons[i].length; k += 2) {
      const points = reasons[i][k];
      told.push(make("span", { class: "reason" }, make("span", { class: `points ${points > 0 ? "up" : "down"}` }, signed(points)), " ", both(...texts[reasons[i][k + 1]])));
    }
    return [make("span", { class: "brief" }, ...told)];
  }

  // a name becomes a button that opens the entity
  open(name, place) {
    const button = make("button", { type: "button", class: "entity" });
    name.replaceWith(button);
    button.append(name);
    button.addEventListener("click", () => showProfile(this, place));
    return button;
  }
}

const setUp = async (element) => {
  try {
    const list = new ScoreList(element, await unpack(element.querySelector("[data-packed]").textContent));
    for (const name of document.querySelectorAll("bdi[data-entity]")) {
      const [task, id] = [name.dataset.entity.slice(0, list.task.length), name.dataset.entity.slice(list.task.length + 1)];
      const place = task === list.task ? list.data.id.indexOf(id) : -1;
      if (place >= 0) list.open(name, place);
    }
  } catch (error) {
    element.querySelector(".unreadable").hidden = false; // an old browser: no DecompressionStream
    element.querySelector(".tools").hidden = true;
    if (typeof DecompressionStream !== "undefined") throw error;
  }
};
document.querySelectorAll("[data-list]").forEach((element) => void setUp(element).then(() => (element.dataset.ready = "")));
