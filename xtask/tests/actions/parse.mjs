// Reads workflows with GitHub's own parser and prints what it objects to.
import { readFileSync } from "node:fs";
import { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } from "@actions/workflow-parser";

async function objections(name) {
  const content = readFileSync(name, "utf8");
  const { context, value } = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (value) await convertWorkflowTemplate(context, value);
  return context.errors.getErrors();
}

async function main() {
  let wrong = 0;
  for (const name of process.argv.slice(2)) {
    for (const error of await objections(name)) {
      wrong += 1;
      console.log(`${name}: ${error.message}`);
    }
  }
  process.exit(wrong === 0 ? 0 : 1);
}

main();
