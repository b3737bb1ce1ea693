// Reads the Mermaid charts of Markdown files as GitHub does, and prints what is in
// them: each chart's kind, and the names of a gantt's tasks.
import { readFileSync } from "node:fs";
import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
globalThis.window = window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");
mermaid.initialize({ startOnLoad: false });

for (const name of process.argv.slice(2)) {
  const text = readFileSync(name, "utf8");
  for (const [, chart] of text.matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
    await mermaid.parse(chart);
    const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(chart);
    const tasks = db.getTasks ? db.getTasks().map((task) => task.task.trim()) : [];
    console.log(JSON.stringify({ type, tasks }));
  }
}
