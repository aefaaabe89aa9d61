(() => {
  "use strict";
  const root = document.documentElement;

  // language: the page holds both, CSS shows the one that <html lang> names
  const languages = [...document.querySelectorAll("[data-language]")];
  const speak = (language) => {
    root.lang = language;
    document.title = root.dataset[language === "ja" ? "titleJa" : "titleEn"];
    for (const button of languages) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
  };
  for (const button of languages) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }

  // search does not tell full width from half width, hiragana from katakana, upper from lower case
  const fold = (text) =>
    text
      .normalize("NFKC")
      .toLowerCase()
      .replace(/[\u3041-\u3096]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0x60));
  const haystack = (row) =>
    fold([row.textContent, ...[...row.querySelectorAll("[title]")].map((e) => e.title)].join(" "));

  const setUp = (list) => {
    const body = list.querySelector("tbody");
    const rows = [...body.rows].map((row) => ({ row, text: haystack(row), band: row.dataset.band }));
    const search = list.querySelector("input[type=search]");
    const counter = list.querySelector("[data-counter]");
    const nothing = list.querySelector(".nothing");

    const filter = () => {
      const words = fold(search.value).split(/\s+/).filter(Boolean);
      const band = list.querySelector("input[type=radio]:checked").value;
      let shown = 0;
      for (const entry of rows) {
        const fits = (!band || entry.band === band) && words.every((w) => entry.text.includes(w));
        entry.row.hidden = !fits;
        shown += fits;
      }
      counter.textContent = shown;
      nothing.hidden = shown > 0;
    };
    search.addEventListener("input", filter);
    list.addEventListener("change", filter);

    const headers = [...list.querySelectorAll("thead th")];
    const compare = (column, numeric, way) => (a, b) => {
      const [x, y] = [a, b].map((entry) => {
        const cell = entry.row.cells[column];
        return numeric ? cell.dataset.value : cell.querySelector("bdi").textContent;
      });
      const empty = (value) => value === "" || value === "–";
      if (empty(x) || empty(y)) return empty(x) - empty(y); // what is unknown comes last
      return way * (numeric ? x - y : x.localeCompare(y, "ja", { numeric: true }));
    };
    headers.forEach((header, column) => {
      const button = header.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const falls = "falling" in button.dataset;
        const now = header.getAttribute("aria-sort");
        const falling = now ? now === "ascending" : falls;
        for (const other of headers) other.removeAttribute("aria-sort");
        header.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const numeric = rows[0].row.cells[column].dataset.value !== undefined;
        rows.sort(compare(column, numeric, falling ? -1 : 1));
        body.append(...rows.map((entry) => entry.row));
      });
    });
  };
  document.querySelectorAll("[data-list]").forEach(setUp);
})();
