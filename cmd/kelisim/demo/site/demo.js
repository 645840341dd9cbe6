// The page's own script: it reports declared events through the public API. The
// stub takes calls until the loader is there.
window.kelisim = window.kelisim || { q: [], event: function () { this.q.push(["event"].concat([].slice.call(arguments))); } };
for (const b of document.querySelectorAll("button[data-event]")) {
  b.addEventListener("click", () => {
    const { event, ...props } = b.dataset;
    window.kelisim.event(event, props);
    const said = document.getElementById("said");
    said.textContent = said.dataset.text;
  });
}
