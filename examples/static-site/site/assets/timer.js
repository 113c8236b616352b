// A timer in each row of the brewing table: press to start, press again to stop.
const shown = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

for (const row of document.querySelectorAll("tr[data-seconds]")) {
  const cell = row.lastElementChild;
  let ticking;

  const stop = (text) => {
    clearInterval(ticking);
    ticking = undefined;
    row.classList.remove("steeping");
    cell.textContent = text;
  };

  row.addEventListener("click", () => {
    const whole = Number(row.dataset.seconds);
    if (ticking) {
      stop(shown(whole));
      return;
    }
    const end = Date.now() + whole * 1000;
    row.classList.add("steeping");
    ticking = setInterval(() => {
      const left = Math.round((end - Date.now()) / 1000);
      if (left > 0) cell.textContent = shown(left);
      else stop("ready");
    }, 250);
  });
}
