// Highlights related boxes in the diagram of an occupation, and moves between them by arrow keys. Without this script, the boxes
// are plain links.

const near = (node) => node.dataset.near.split(" ");
const KEYS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

for (const svg of document.querySelectorAll(".picture svg")) enhance(svg);

/** Add highlighting and arrow keys to one of the diagrams; the width of the screen decides which is shown. */
function enhance(svg) {
  const nodes = [...svg.querySelectorAll("a")];
  const lines = [...svg.querySelectorAll("path")];

  for (const node of nodes) {
    for (const event of ["pointerenter", "focus"]) node.addEventListener(event, () => show(node));
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, () => show(null));
  }
  svg.addEventListener("keydown", (event) => {
    const node = event.target.closest("a");
    const step = KEYS[event.key];
    const next = node && step && nextTo(node, ...step);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  /** The node below or above in the same column, or the highest one in the next column that a line leads to; ArrowDown from a single node goes there too. */
  function nextTo(node, across, down) {
    const column = nodes.filter((other) => other.dataset.column === node.dataset.column);
    if (down && column.length > 1) return column[column.indexOf(node) + down];
    const beside = String(Number(node.dataset.column) + across + down);
    return nodes.find((other) => other.dataset.column === beside && isNear(node, other));
  }

  function show(node) {
    svg.classList.toggle("choosing", Boolean(node));
    for (const other of nodes) other.classList.toggle("on", Boolean(node) && (other === node || isNear(node, other)));
    for (const line of lines) {
      line.classList.toggle("on", Boolean(node) && [line.dataset.from, line.dataset.to].includes(node.dataset.id));
    }
  }
}

function isNear(node, other) {
  return near(node).includes(other.dataset.id) || near(other).includes(node.dataset.id);
}
