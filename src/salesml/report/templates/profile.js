// One entity: what makes its score, why it changed, what happened, and its scores so far.
const dialog = document.querySelector("dialog.profile");
dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it

const part = (key, ...children) => make("section", {}, make("h3", {}, say(key)), ...children);
const tone = (points) => (points > 0 ? "up" : "down");

// bars grow from the middle: to the right what raises the score, to the left what lowers it
const diverging = (rows) => {
  const most = Math.max(...rows.map(([points]) => Math.abs(points)), 1);
  const bars = rows.map(([points, words, ...notes]) => {
    const width = `${Math.max((Math.abs(points) / most) * 50, 1)}%`;
    const bar = make("span", { class: `bar ${tone(points)}`, "aria-hidden": "true" });
    bar.style.setProperty("--width", width);
    bar.style.setProperty("--from", points > 0 ? "50%" : `calc(50% - ${width})`);
    const number = make("span", { class: `points ${tone(points)}` }, signed(points));
    return make("li", {}, number, make("span", { class: "track" }, bar), make("span", { class: "words" }, words, ...notes));
  });
  return make("ul", { class: "diverging" }, ...bars);
};

const reasonsOf = (list, place) => {
  const told = list.data.profiles[place]?.reasons;
  if (told) {
    return told.map(([points, ja, en, peersJa, peersEn, help]) => {
      const notes = peersJa ? [make("small", {}, both(peersJa, peersEn))] : [];
      if (help) notes.push(make("small", { class: "help" }, say("would_help", help)));
      return [points, both(ja, en), ...notes];
    });
  }
  const { reasons, texts } = list.data;
  return reasons[place].flatMap((entry, k, all) => (k % 2 ? [[all[k - 1], both(...texts[entry])]] : []));
};

const changesOf = (list, place) => {
  const told = list.data.profiles[place]?.changes ?? [];
  if (!told.length) return null;
  const rows = told.map(([kind, points, ja, en]) => {
    const tag = kind === "fact" ? [] : [make("span", { class: "tag" }, say(`kind_${kind}`))];
    return [points, both(ja, en), ...tag];
  });
  return part("why_changed", diverging(rows));
};

const draw = (tag, attributes, ...children) => {
  const made = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

const historyOf = (list, place) => {
  const told = list.data.profiles[place]?.history ?? [];
  if (told.length < 2) return null;
  const days = told.map(([date]) => Date.parse(date));
  const [first, last] = [days[0], days.at(-1)];
  const at = (i) => [40 + ((days[i] - first) / (last - first)) * 500, 100 - told[i][1] * 0.9];
  const points = told.map((_, i) => at(i).join(",")).join(" ");
  const text = (x, y, anchor, words) => draw("text", { x, y, "text-anchor": anchor }, words);
  const chart = draw(
    "svg",
    { viewBox: "0 0 580 125", role: "img", "aria-labelledby": "history-of" },
    ...[1, 50, 99].flatMap((score) => [
      draw("line", { x1: 40, x2: 540, y1: 100 - score * 0.9, y2: 100 - score * 0.9, class: score === 50 ? "average" : "" }),
      text(34, 104 - score * 0.9, "end", String(score)),
    ]),
    draw("polyline", { points }),
    ...told.map(([date, score], i) =>
      draw("circle", { cx: at(i)[0], cy: at(i)[1], r: 3.5 }, draw("title", {}, `${date}: ${score}`)),
    ),
    text(40, 120, "start", told[0][0]),
    text(540, 120, "end", told.at(-1)[0]),
  );
  const made = part("history", make("div", { class: "chart line" }, chart));
  made.querySelector("h3").id = "history-of";
  return made;
};

const eventsOf = (list, place) => {
  const told = list.data.profiles[place]?.events;
  if (!told) return null;
  if (!told.length) return part("timeline", make("p", { class: "quiet" }, say("no_events")));
  const rows = told.map(([date, ja, en]) => make("li", {}, make("time", { datetime: date }, date), make("span", {}, both(ja, en))));
  return part("timeline", make("ol", { class: "timeline" }, ...rows));
};

const factsOf = (list, place) => {
  const { data } = list;
  const fact = (key, ...value) => make("div", {}, make("dt", {}, say(key)), make("dd", {}, ...value));
  const facts = [fact("score", `${data.score[place]} `, list.chip(place)), fact("probability", percent(data.probability[place]))];
  if (data.change.some((change) => change !== null)) facts.push(fact("change", list.moved(place)));
  if (data.expected[place] !== null) facts.push(fact(list.good ? "expected_good" : "expected_bad", money(data.expected[place], data.money)));
  for (const name of ["owner", "segment"]) {
    if (data[name][place] >= 0) facts.push(fact(name, make("bdi", {}, data[`${name}s`][data[name][place]])));
  }
  const prefecture = data.prefectures?.[data.prefecture[place]];
  if (prefecture) facts.push(fact("prefecture", both(...prefecture)));
  return make("dl", { class: "numbers" }, ...facts);
};

const showProfile = (list, place) => {
  const { data } = list;
  const heading = dialog.querySelector("h2");
  heading.replaceChildren(make("bdi", {}, data.name[place] || data.id[place]));
  if (data.name[place]) heading.append(" ", make("small", {}, make("bdi", {}, data.id[place])));
  const brief = data.profiles[place] ? null : make("p", { class: "quiet" }, say("brief_only"));
  const parts = [factsOf(list, place), nextOf(list, place), ...approachOf(list, place), changesOf(list, place), part("reasons_of_score", diverging(reasonsOf(list, place)), brief ?? ""), historyOf(list, place), eventsOf(list, place)];
  dialog.querySelector("[data-profile]").replaceChildren(...parts.filter(Boolean));
  dialog.className = `profile ${list.good ? "good" : "bad"}`;
  dialog.showModal();
  dialog.scrollTop = 0;
  heading.focus();
};
