// @ts-check
/** `npm test`: set-up where it is needed, then everything that `npm run check` checks. */
import { setUpOrExit } from "./setup.mjs";

await setUpOrExit();
await import("./check.mjs");
