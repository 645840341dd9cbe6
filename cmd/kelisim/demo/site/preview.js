// A frame of the page of looks. Its banner knows nothing of what the owner of this
// browser chose on the demo site, and cannot change it.
Object.defineProperty(document, "cookie", { get: () => "", set: () => {} });
if (document.documentElement.dataset.layer === "settings") {
  new MutationObserver((_, observer) => {
    const customise = document.querySelector('[data-kelisim-action="customise"]');
    if (!customise) return;
    observer.disconnect();
    customise.click();
  }).observe(document, { childList: true, subtree: true });
}
