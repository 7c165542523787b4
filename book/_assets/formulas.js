// Formulas: MathJax is loaded part by part when the page has been shown, and sets a few at a time, so that the page stays
// at hand. Its file with everything in one would hold a phone up, half of it for a menu that the book does not show.
(() => {
  "use strict";
  const address = new URL("mathjax/startup.js", document.currentScript.src);
  const AT_A_TIME = 3;
  const aMoment = () => new Promise((done) => setTimeout(done));

  async function setAll() {
    const formulas = [...document.querySelectorAll(".math")];
    while (formulas.length) {
      await aMoment();
      await MathJax.typesetPromise(formulas.splice(0, AT_A_TIME));
    }
  }

  function load() {
    // MathJax.startup.promise is kept when all are set: whoever prints or takes a picture can wait for it.
    // The page itself says which parts are loaded (speedy_site.py).
    window.MathJax.startup = { pageReady: setAll };
    const script = document.createElement("script");
    script.src = address;
    document.head.append(script);
  }

  const whenIdle = window.requestIdleCallback || ((call) => setTimeout(call, 200));
  const start = () => whenIdle(load, { timeout: 2000 });
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
