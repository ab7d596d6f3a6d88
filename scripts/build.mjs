// @ts-check
/** `npm run build`: builds what has changed; and, when a tool has come since the last time, what it was missing for. */
import { setUpOrExit } from "./setup.mjs";

await setUpOrExit();
