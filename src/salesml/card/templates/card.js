(() => {
  "use strict";
  const root = document.documentElement;
  const buttons = [...document.querySelectorAll("[data-language]")];
  const speak = (language) => {
    root.lang = language;
    document.title = root.dataset[language === "ja" ? "titleJa" : "titleEn"];
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.language === language));
    }
  };
  for (const button of buttons) {
    button.addEventListener("click", () => speak(button.dataset.language));
  }
})();
