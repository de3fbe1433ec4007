// Adds a button to each block of code that copies it. Without a clipboard (on a page that is not secure) there are none.
"use strict";

if (navigator.clipboard) {
  const status = document.createElement("span"); // for screen readers, which may not notice a new text of a button
  status.className = "unseen";
  status.setAttribute("role", "status");
  document.body.append(status);
  for (const block of document.querySelectorAll(".code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(block.querySelector("pre").textContent.trimEnd());
      button.textContent = status.textContent = "Copied";
      setTimeout(() => {
        button.textContent = "Copy";
        status.textContent = "";
      }, 2000);
    });
    block.append(button);
  }
}
