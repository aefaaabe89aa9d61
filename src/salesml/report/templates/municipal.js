// Municipalities: the map filters the list, the dialog tells how to approach one.
const followMap = (list) => {
  const select = list.element.querySelector("[data-filter=prefecture]");
  const tiles = [...list.element.closest(".task").querySelectorAll("[data-prefecture]")];
  if (!select) return;
  const press = () => {
    const chosen = list.data.prefectures[select.value]?.[0];
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile.dataset.prefecture === chosen));
  };
  for (const tile of tiles) {
    tile.addEventListener("click", () => {
      const place = list.data.prefectures.findIndex(([ja]) => ja === tile.dataset.prefecture);
      select.value = tile.getAttribute("aria-pressed") === "true" || place < 0 ? "" : place;
      select.dispatchEvent(new Event("change", { bubbles: true }));
      if (select.value !== "") list.element.scrollIntoView();
    });
  }
  select.addEventListener("change", press);
};

const dated = (rows) => {
  const lines = rows.map(([ja, en, date]) => make("li", {}, make("time", { datetime: date }, date), make("span", {}, both(ja, en))));
  return make("ol", { class: "timeline" }, ...lines);
};

const talksOf = (talks) => {
  const rows = talks.flatMap(([ja, en, whatJa, whatEn]) => [make("dt", {}, both(ja, en)), make("dd", {}, both(whatJa, whatEn))]);
  return make("dl", { class: "talks" }, ...rows);
};

const outlookOf = (rows) => {
  const bars = rows.map(([ja, en, date, score]) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--width", `${score}%`);
    const words = make("span", { class: "words" }, both(ja, en), " ", make("small", {}, date));
    return make("li", {}, make("b", { class: "points" }, String(score)), make("span", { class: "score-track" }, bar), words);
  });
  return make("ul", { class: "outlook" }, ...bars);
};

const peersOf = (peers) => {
  const lines = peers.map(([name, prefecture, since, similarity]) => {
    const where = prefecture ? make("small", {}, ` ${prefecture}`) : null;
    const alike = similarity === null ? null : make("small", {}, " ", say("similar", `${Math.round(similarity * 100)}%`));
    return make("li", {}, make("time", {}, since || "–"), make("span", {}, make("bdi", {}, name), where, alike));
  });
  return make("ol", { class: "timeline" }, ...lines);
};

const approachOf = (list, place) => {
  const told = list.data.profiles[place]?.approach;
  if (!told) return [];
  const advice = told.tier ? make("p", {}, make("span", { class: "tag" }, both(...told.tier)), " ", told.advice ? both(...told.advice) : "") : null;
  const bring = told.material ? make("p", {}, make("small", {}, say("bring")), " ", both(...told.material)) : null;
  const fresh = told.contact ? make("p", { class: "banner" }, say("new_contact")) : null;
  const election = told.election ? make("p", { class: "quiet" }, say("election", told.election)) : null;
  const passage = told.passage && make("figure", { class: "passage" }, make("blockquote", {}, told.passage[1]), make("figcaption", {}, make("small", {}, told.passage[0])));
  return [
    told.talks || advice ? part("approach", advice, fresh, bring, told.talks ? talksOf(told.talks) : null) : null,
    told.deadlines || election ? part("deadlines", told.deadlines ? dated(told.deadlines) : null, election) : null,
    told.subsidies ? part("subsidies", dated(told.subsidies)) : null,
    told.peers ? part("cite", peersOf(told.peers)) : null,
    passage ? part("policy", passage) : null,
    told.outlook ? part("stage_scores", outlookOf(told.outlook)) : null,
  ];
};
