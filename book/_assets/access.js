// What the theme's scripts leave out for readers at a keyboard or with a screen reader.
(() => {
  "use strict";

  // Boxes that scroll sideways are stops of the Tab key and say what they are, as long as there is something to scroll.
  const BOXES = ".speedy-table, .cell_output > .output, .pst-scrollable-table-container";
  const names = new Map();

  function nameOf(box) {
    const caption = box.querySelector("caption")?.textContent.trim();
    const heading = box.closest("section")?.querySelector("h1, h2, h3")?.firstChild.textContent.trim();
    const name = caption || (box.querySelector("table") ? "Table in " : "Output in ") + heading;
    const count = (names.get(name) || 0) + 1;
    names.set(name, count);
    return count > 1 ? `${name} (${count})` : name;
  }

  const scrolling = (box) => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;

  function describe(box, scrolls) {
    box.tabIndex = scrolls ? 0 : -1;
    if (!scrolls) {
      box.removeAttribute("role");
      box.removeAttribute("aria-label");
    } else if (!box.hasAttribute("role")) {
      box.dataset.name ||= nameOf(box);
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", box.dataset.name);
    }
  }

  function watchBoxes() {
    const sizes = new ResizeObserver((changes) => {
      // All are measured before one is changed: the page is laid out once, not for each.
      const measured = changes.map(({ target }) => [target, scrolling(target)]);
      measured.forEach(([box, scrolls]) => describe(box, scrolls));
    });
    document.querySelectorAll(BOXES).forEach((box) => sizes.observe(box));
  }

  // The theme takes the focus away from a button that is pressed, to hide its tooltip; the keyboard needs it there.
  function keepFocus() {
    const press = (event) => {
      const button = event.target.closest(".theme-switch-button, .search-button, .sidebar-toggle");
      if (button && event.detail === 0) button.blur = () => {};
      else if (button) delete button.blur;
    };
    document.addEventListener("click", press, true);
  }

  // The button of the colour scheme says which one is on, and a press is answered in words.
  function nameScheme() {
    const root = document.documentElement;
    const words = { auto: "as your system", light: "light", dark: "dark" };
    const status = document.createElement("div");
    status.setAttribute("role", "status");
    status.className = "visually-hidden";
    document.querySelector("main").append(status);
    const label = () => `Colour scheme: ${words[root.dataset.mode] || words.auto}`;
    const write = () => {
      document.querySelectorAll(".theme-switch-button").forEach((button) => button.setAttribute("aria-label", label()));
    };
    new MutationObserver(() => {
      write();
      status.textContent = label();
    }).observe(root, { attributeFilter: ["data-mode"] });
    write();
  }

  const start = () => [watchBoxes, keepFocus, nameScheme].forEach((part) => part());
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
