"use strict";
// One chapter plays at a time; its place is shown on its waveform, and a click there plays from it.
const players = [...document.querySelectorAll("audio")];
for (const player of players) {
  const picture = player.closest("article").querySelector("svg.curves");
  player.addEventListener("play", () => players.forEach((other) => other === player || other.pause()));
  if (!picture) continue;
  const seconds = Number(picture.dataset.seconds);
  const head = picture.querySelector(".playhead");
  player.addEventListener("timeupdate", () => {
    const place = `${(100 * Math.min(player.currentTime / seconds, 1)).toFixed(3)}%`;
    head.setAttribute("x1", place);
    head.setAttribute("x2", place);
    head.setAttribute("visibility", "visible");
  });
  picture.classList.add("playable");
  picture.addEventListener("click", (event) => {
    const box = picture.getBoundingClientRect();
    player.currentTime = (seconds * (event.clientX - box.left)) / box.width;
    // What cannot be played, the player itself tells.
    player.play().catch(() => {});
  });
}
