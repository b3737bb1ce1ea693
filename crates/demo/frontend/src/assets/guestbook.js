// Shows the entries and adds new ones; built for version @VERSION@.
const list = document.querySelector("#entries");
const form = document.querySelector("#sign");

async function show() {
  const response = await fetch("entries");
  const entries = await response.json();
  list.replaceChildren(...entries.reverse().map((entry) => {
    const item = document.createElement("li");
    item.textContent = entry;
    return item;
  }));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch("entries", { method: "POST", body: form.elements.entry.value });
  form.reset();
  await show();
});

show();
