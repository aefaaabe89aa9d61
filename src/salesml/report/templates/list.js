// A list: the page shows its first rows; the script unpacks all, sorts, filters and turns pages.
// What its rows hold and are filtered by is for those who extend it to say.

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

class PagedList {
  constructor(element, data, size) {
    this.element = element;
    this.data = data;
    this.size = size;
    this.body = element.querySelector("tbody");
    this.columns = [...element.querySelectorAll("thead th")];
    this.told = [];
    this.order = Array.from({ length: data.id.length }, (_, place) => place);
    this.shown = this.order;
    this.page = 0;
  }

  listen() {
    const find = (css) => this.element.querySelector(css);
    for (const select of this.element.querySelectorAll("select")) {
      const all = make("option", { value: "", "data-ja": phrases.all[0], "data-en": phrases.all[1] }, phrases.all[root.lang === "ja" ? 0 : 1]);
      const values = this.data[`${select.dataset.filter}s`];
      select.append(all, ...values.map((value, place) => option(value, place)));
    }
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
  }

  chosen(css) {
    return this.element.querySelector(css)?.value ?? "";
  }

  filter() {
    const words = fold(this.chosen("input[type=search]")).split(/\s+/).filter(Boolean);
    const tests = [...words.map((word) => this.matcher(word)), ...this.tests(this.chosen("input[type=radio]:checked"))];
    for (const { dataset, value } of this.element.querySelectorAll("select")) {
      if (value !== "") tests.push((i) => this.data[dataset.filter][i] === Number(value));
    }
    this.shown = this.order.filter((i) => tests.every((test) => test(i)));
    this.page = 0;
    this.show();
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
    const from = this.page * this.size;
    this.body.replaceChildren(...this.shown.slice(from, from + this.size).map((place) => this.row(place)));
    this.count();
  }

  count() {
    const { shown, page, size } = this;
    const last = Math.min((page + 1) * size, shown.length);
    const put = (name, number) => (this.element.querySelector(`[data-${name}]`).textContent = number.toLocaleString("en-US"));
    put("from", shown.length ? page * size + 1 : 0);
    put("to", last);
    put("counter", shown.length);
    this.element.querySelector(".nothing").hidden = shown.length > 0;
    this.element.querySelector(".pager").hidden = shown.length <= size;
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
}

// unpack *element*'s list and hand it to *made*; an old browser has no DecompressionStream
const setUp = async (element, made) => {
  try {
    made(element, await unpack(element.querySelector("[data-packed]").textContent));
  } catch (error) {
    element.querySelector(".unreadable").hidden = false;
    element.querySelector(".tools").hidden = true;
    if (typeof DecompressionStream !== "undefined") throw error;
  } finally {
    element.dataset.ready = "";
  }
};
