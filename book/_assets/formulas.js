// Formulas: MathJax is loaded when the page has been shown, and sets a few at a time, so that the page stays at hand.
(() => {
  "use strict";
  const address = new URL("mathjax/tex-chtml.js", document.currentScript.src);
  const AT_A_TIME = 10;
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
    window.MathJax = { ...window.MathJax, startup: { pageReady: setAll } };
    const script = document.createElement("script");
    script.src = address;
    document.head.append(script);
  }

  const whenIdle = window.requestIdleCallback || ((call) => setTimeout(call, 200));
  const start = () => whenIdle(load, { timeout: 2000 });
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start);
})();
