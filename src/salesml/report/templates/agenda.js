// What is to be done today: one list for all, filtered by person and deadline.
const CHOICES = {
  due_overdue: (left) => left !== null && left < 0,
  due_today: (left) => left !== null && left <= 0,
  due_week: (left) => left !== null && left <= 7,
};
const [URGENT, ESCALATED, LEARNT] = [1, 2, 4];
let agenda = null;

class AgendaList extends PagedList {
  constructor(element, data) {
    super(element, data, 50);
    this.several = data.entitys.length > 1;
    this.places = new Map(data.id.map((id, place) => [`${data.entitys[data.entity[place]][2]}/${id}`, place]));
    this.listen();
    this.show();
    for (const name of document.querySelectorAll("[data-person]")) this.choose(name);
  }

  // a name in the table of persons shows what that person has to do
  choose(name) {
    const place = this.data.owners.indexOf(name.dataset.person);
    if (place < 0) return;
    openedBy(name, () => {
      const select = this.element.querySelector("[data-filter=owner]");
      select.value = place;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      this.element.scrollIntoView();
    });
  }

  get haystack() {
    const { name, id, owner, owners, texts } = this.data;
    this.folded ??= name.map((text, i) => fold(`${text} ${id[i]} ${owners[owner[i]] ?? ""}`));
    this.foldedTexts ??= texts.map((pair) => fold(pair.join(" ")));
    return this.folded;
  }

  matcher(word) {
    const rows = this.haystack;
    const told = new Set();
    this.foldedTexts.forEach((text, place) => text.includes(word) && told.add(place));
    const { title, reasons } = this.data;
    return (i) => rows[i].includes(word) || told.has(title[i]) || reasons[i].some((entry, k) => k % 2 && told.has(entry));
  }

  tests(choice) {
    const { left, flags } = this.data;
    if (choice === "due_escalated") return [(i) => flags[i] & ESCALATED];
    return choice ? [(i) => CHOICES[choice](left[i])] : [];
  }

  values(column) {
    const { data } = this;
    const said = (codes) => codes.map((code) => data.texts[code][root.lang === "ja" ? 0 : 1]);
    if (column === "due") return data.left;
    if (column === "what") return said(data.title);
    if (column === "name") return data.name.map((name, i) => name || data.id[i]);
    return column === "owner" ? data.owner.map((code) => (code < 0 ? null : code)) : data.value;
  }

  text(column, i) {
    const code = this.data[column][i];
    return code < 0 ? null : both(...this.data.texts[code]);
  }

  cell(column, i) {
    if (column === "due") return this.due(i);
    if (column === "what") return [make("b", {}, this.text("title", i)), " ", this.how(i)];
    if (column === "name") return this.whom(i);
    if (column === "owner") return [make("span", { class: "inline-label" }, say("by")), " ", this.person(i)];
    if (column === "gain") return [make("span", { class: "inline-label" }, say("gain")), " ", ...this.gain(i)];
    return [this.why(i)];
  }

  date(code) {
    const [ja, en, date] = this.data.dates[code];
    return make("time", { datetime: date }, both(ja, en));
  }

  asked([ja, en]) {
    const [inJa, inEn] = phrases.asked_on;
    return both(inJa.replace("{points}", ja), inEn.replace("{points}", en));
  }

  due(i) {
    const { left, dates, due, since, flags } = this.data;
    const days = left[i];
    const tag = (key) => make("span", { class: `tag ${key}` }, say(key));
    return [
      make("b", { class: days !== null && days < 0 ? "late" : days !== null && days <= 1 ? "soon" : "" }, deadline(days)),
      due[i] < 0 ? null : make("small", {}, this.date(due[i])),
      flags[i] & ESCALATED ? tag("escalated") : flags[i] & URGENT ? tag("urgent") : null,
      since[i] < 0 ? null : make("small", {}, this.asked(dates[since[i]])),
    ];
  }

  how(i) {
    const minutes = this.data.minutes[i];
    const parts = [this.text("channel", i), minutes === null ? null : say("minutes", minutes.toLocaleString("en-US"))].filter(Boolean);
    return make("small", {}, ...parts.flatMap((part, k) => (k ? [" · ", part] : [part])));
  }

  whom(i) {
    const { data } = this;
    const entity = data.entitys[data.entity[i]];
    const name = make("bdi", {}, short(data.name[i] || data.id[i], 60));
    const holder = make("span", {}, name);
    const [list, place] = this.profile(entity[2], data.id[i]);
    if (list) openedBy(name, () => showProfile(list, place));
    const small = data.name[i] ? make("bdi", {}, short(data.id[i], 40)) : null;
    const kind = this.several ? both(entity[0], entity[1]) : null;
    return [holder, make("small", {}, kind, kind && small ? " " : null, small)];
  }

  // the list of scores that tells of an entity
  profile(entity, id) {
    const list = scoreLists.find((each) => each.entity === entity && each.places.has(id));
    return list ? [list, list.places.get(id)] : [];
  }

  person(i) {
    const { owners, owner } = this.data;
    return owner[i] < 0 ? make("span", { class: "tag" }, say("nobody")) : make("bdi", {}, short(owners[owner[i]], 20));
  }

  gain(i) {
    const { value, effect, flags, money: style } = this.data;
    if (value[i] === null && effect[i] === null) return ["–"];
    const shift = effect[i] === null ? null : make("small", {}, say(flags[i] & LEARNT ? "points" : "points_assumed", gained(effect[i])));
    return [value[i] === null ? null : money(value[i], style), " ", shift];
  }

  reasonsOf(i) {
    const found = [];
    const { reasons, texts } = this.data;
    for (let k = 0; k < reasons[i].length; k += 2) found.push([`told_${KINDS[reasons[i][k]]}`, both(...texts[reasons[i][k + 1]])]);
    for (const [key, column] of [["bring", "material"], ["told_best", "best"], ["told_next", "next"]]) {
      const text = this.text(column, i);
      if (text) found.push([key, text]);
    }
    return found;
  }

  why(i) {
    const told = this.reasonsOf(i);
    const brief = make("span", { class: "brief" }, told.length ? told[0][1] : "–");
    if (told.length < 2) return brief;
    const open = make("span", { class: "open" }, say("details"));
    const shut = make("span", { class: "shut" }, say("close"));
    return make("details", {}, make("summary", {}, brief, open, shut), whyList(this.reasonsOf(i)));
  }

  row(place) {
    const row = super.row(place);
    if (this.data.left[place] !== null && this.data.left[place] < 0) row.classList.add("overdue");
    return row;
  }
}

const KINDS = ["play", "concept", "effect", "evidence", "explored"];
const gained = (share) => `${share < 0 ? "−" : "+"}${(Math.abs(share) * 100).toFixed(1)}`;
const whyList = (told) => make("dl", { class: "why-list" }, ...told.map(([key, text], k) => make("div", {}, make("dt", {}, told[k - 1]?.[0] === key ? "" : say(key)), make("dd", {}, text))));
const deadline = (days) => {
  if (days === null) return say("open_ended");
  if (days === 0) return say("left_none");
  const way = days < 0 ? "late" : "left";
  return Math.abs(days) === 1 ? say(`${way}_one`) : say(way, Math.abs(days).toLocaleString("en-US"));
};

// what is to be done for an entity, in one line above the reasons of its score
const nextBrief = (entity, id) => {
  const i = agenda?.places.get(`${entity}/${id}`);
  if (i === undefined) return null;
  return make("span", { class: "next-brief" }, "→ ", make("b", {}, agenda.text("title", i)), " ", make("small", {}, deadline(agenda.data.left[i]), " · ", agenda.person(i)));
};

// and in full, in its profile
const nextOf = (list, place) => {
  const i = agenda?.places.get(`${list.entity}/${list.data.id[place]}`);
  if (i === undefined) return null;
  const fact = (key, ...value) => make("div", {}, make("dt", {}, say(key)), make("dd", {}, ...value));
  const facts = make("dl", { class: "numbers" }, fact("due", ...agenda.due(i)), fact("by", agenda.person(i)), fact("gain", ...agenda.gain(i)));
  return part("next_action", make("p", { class: "next-title" }, make("b", {}, agenda.text("title", i)), " ", agenda.how(i)), facts, whyList(agenda.reasonsOf(i)));
};

const agendaElement = document.querySelector("[data-agenda]");
if (agendaElement) void Promise.all(scoresReady).then(() => setUp(agendaElement, (element, data) => (agenda = new AgendaList(element, data))));
