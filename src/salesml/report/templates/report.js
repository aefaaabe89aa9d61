"use strict";
const root = document.documentElement;
root.classList.add("js");

// language: the page holds both, CSS shows the one that <html lang> names
const languages = [...document.querySelectorAll("[data-language]")];
const speak = (language) => {
  root.lang = language;
  document.title = root.dataset[language === "ja" ? "titleJa" : "titleEn"];
  for (const button of languages) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
  for (const option of document.querySelectorAll("option[data-ja]")) {
    option.textContent = option.dataset[language];
  }
};
for (const button of languages) {
  button.addEventListener("click", () => speak(button.dataset.language));
}

// colours: as the system has it, unless somebody chose
const themes = [...document.querySelectorAll("button[data-theme]")];
for (const button of themes) {
  button.addEventListener("click", () => {
    root.dataset.theme = button.dataset.theme;
    for (const other of themes) other.setAttribute("aria-pressed", String(other === button));
  });
}

// elements are made of texts alone, never of HTML: a name may hold anything
const make = (tag, attributes = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
};
const both = (ja, en) => {
  if (ja === en) return ja;
  const made = document.createDocumentFragment();
  made.append(
    make("span", { class: "ja", lang: "ja" }, ja),
    make("span", { class: "en", lang: "en" }, en),
  );
  return made;
};
const phrases = JSON.parse(document.getElementById("words").textContent);
const say = (key, points = "") => both(...phrases[key].map((text) => text.replace("{points}", points)));

const signed = (points) => (points > 0 ? "+" : points < 0 ? "−" : "±") + Math.abs(points).toLocaleString("en-US");
const percent = (share) => {
  if (share > 0 && share < 0.001) return "<0.1%";
  return share > 0.999 && share < 1 ? ">99.9%" : `${(share * 100).toFixed(1)}%`;
};
const money = (value, style) => {
  if (value === null) return "–";
  const digits = style.decimals && Math.abs(value) < 1000 ? 2 : 0;
  const text = Math.abs(value).toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (value < 0 ? "−" : "") + style.symbol + text;
};
