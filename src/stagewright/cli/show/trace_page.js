"use strict";
// The filter: rows that hold every word stay; what holds none of them closes. Without this the page shows everything.
(() => {
  const field = document.getElementById("filter");
  const count = document.getElementById("count");
  const placeOf = (row) => row.closest(".place")?.querySelector("summary code")?.textContent ?? "";
  const rows = Array.from(
    document.querySelectorAll("[data-row]"),
    (row) => [row, `${row.textContent} ${placeOf(row)}`.toLowerCase()],
  );
  const places = Array.from(document.querySelectorAll("details"), (place) => [place, place.open]);
  let pending = 0;
  const apply = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [row, text] of rows) {
      row.hidden = !words.every((word) => text.includes(word));
      if (!row.hidden) shown += 1;
    }
    for (const [place, wasOpen] of places) {
      const found = place.querySelector("[data-row]:not([hidden])") !== null;
      place.hidden = words.length > 0 && !found;
      place.open = words.length > 0 ? found : wasOpen;
    }
    count.textContent = words.length ? `${shown} of ${rows.length}` : "";
  };
  field.addEventListener("input", () => { clearTimeout(pending); pending = setTimeout(apply, 80); });
  const openTarget = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.tagName === "DETAILS") target.open = true;
  };
  addEventListener("hashchange", openTarget);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== field && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && document.activeElement === field && field.value) {
      field.value = "";
      apply();
    }
  });
  document.getElementById("find").hidden = false;
  openTarget();
})();
