// The scores of a task.
const scoreLists = [];

class ScoreList extends PagedList {
  constructor(element, data) {
    super(element, data, 100);
    this.task = element.dataset.list;
    this.entity = element.dataset.entity;
    this.good = element.closest(".task").classList.contains("good");
    this.told = [...this.body.rows]; // the first rows are in the page, with all their reasons
    this.places = new Map(data.id.map((id, place) => [id, place]));
    this.band = data.score.map((score) => data.bands.findIndex((band) => score >= band.from));
    this.told.forEach((row, place) => this.open(row.querySelector("bdi"), place));
    this.listen();
    followMap(this);
    this.count();
  }

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

  tests(band) {
    const place = this.data.bands.findIndex((each) => each.name === band);
    return band ? [(i) => this.band[i] === place] : [];
  }

  values(column) {
    const { data } = this;
    const coded = (name) => data[name].map((code) => (code < 0 ? null : code)); // codes are in order
    if (column === "rank") return data.score.map((_, place) => place);
    if (column === "name") return data.name.map((name, i) => name || data.id[i]);
    if (column === "owner" || column === "segment") return coded(column);
    return column.startsWith("expected") ? data.expected : data[column];
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
    return [nextBrief(this.entity, this.data.id[i]), make("span", { class: "brief" }, ...told)];
  }

  // a name becomes a button that opens the entity
  open(name, place) {
    return openedBy(name, () => showProfile(this, place));
  }
}

const openedBy = (name, open) => {
  const button = make("button", { type: "button", class: "entity" });
  name.replaceWith(button);
  button.append(name);
  button.addEventListener("click", open);
  return button;
};

const scoresReady = [...document.querySelectorAll("[data-list]")].map((element) =>
  setUp(element, (_, data) => {
    const list = new ScoreList(element, data);
    scoreLists.push(list);
    for (const name of document.querySelectorAll("bdi[data-entity]")) {
      const [task, id] = [name.dataset.entity.slice(0, list.task.length), name.dataset.entity.slice(list.task.length + 1)];
      if (task === list.task && list.places.has(id)) list.open(name, list.places.get(id));
    }
  }),
);
