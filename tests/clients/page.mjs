// A browser's page for React: what is rendered into it can be read, clicked and waited for.
import { JSDOM } from "jsdom";

const { window } = new JSDOM("<main></main>", { url: "https://app.example.com/" });
Object.assign(globalThis, { window, document: window.document, FormData: window.FormData });

const { createRoot } = await import("react-dom/client");

export const main = window.document.querySelector("main");

let root = null;

/** Shows an element in the page, in the place of the one before. */
export function render(element) {
  root ??= createRoot(main, { onCaughtError() {} });
  root.render(element);
}

/** Leaves the page. */
export function leave() {
  root.unmount();
  root = null;
}

export const text = (selector) => main.querySelector(selector)?.textContent ?? null;

export const button = (label, within = main) =>
  [...within.querySelectorAll("button")].find((found) => found.textContent === label && !found.disabled);

/** Waits for the page to be as described; it is looked at whenever it has changed. */
export function until(described) {
  return new Promise((resolve) => {
    const look = () => described() && (observer.disconnect(), resolve());
    const observer = new window.MutationObserver(look);
    observer.observe(main, { attributes: true, characterData: true, childList: true, subtree: true });
    look();
  });
}
