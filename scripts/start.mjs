// @ts-check
/** `npm start`: set-up where it is needed, then `baton demo` with the arguments that were given. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, setUpOrExit } from "./setup.mjs";

await setUpOrExit();

// Paths on the command line are meant from where npm was called.
if (process.env["INIT_CWD"] !== undefined) process.chdir(process.env["INIT_CWD"]);
const baton = join(root, "packages/detect/dist/cli/baton.js");
// In this process, not in another: it starts sooner, and signals reach it without help.
process.argv = [process.execPath, baton, "demo", ...process.argv.slice(2)];
await import(pathToFileURL(baton).href);
