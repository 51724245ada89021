// A click on an event, or Enter on it, plays the file from there.
list.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-start]");
  const player = button?.closest(".card").querySelector(".player");
  if (!player) {
    return;
  }
  for (const other of document.querySelectorAll(".player")) {
    if (other !== player) {
      other.pause();
    }
  }
  const start = Number(button.dataset.start);
  const play = () => {
    player.currentTime = start;
    player.play();
  };
  if (player.readyState >= 1) {
    play();
  } else {
    player.addEventListener("loadedmetadata", play, { once: true });
    player.load();
  }
});

// Arrow keys go from event to event.
list.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step || !event.target.matches("button[data-start]")) {
    return;
  }
  const all = [...event.target.closest(".timeline").querySelectorAll("button")]
    .sort((a, b) => a.dataset.start - b.dataset.start);
  all[all.indexOf(event.target) + step]?.focus();
  event.preventDefault();
});
