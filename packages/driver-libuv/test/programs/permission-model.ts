/**
 * Under the permission model of Node, what is not allowed is refused and nothing else is touched:
 * `permission-model.mjs DRIVER ALLOWED FORBIDDEN`. Prints what each operation of one batch came to.
 */
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "../../../../tests/life/programs/drivers.js";

const [driver = "", allowed = "", forbidden = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver) });
const results = await io.batch([
  { opcode: "nop" },
  { opcode: "open", path: forbidden, flags: "w" },
  { opcode: "unlink", path: forbidden },
  { opcode: "mkdir", path: forbidden },
  { opcode: "stat", path: allowed },
  { opcode: "timer", afterMs: 1 },
]);
await io.close();
say({
  outcomes: results.map((result) =>
    result.status === "fulfilled" ? "ok" : String((result.reason as { code?: unknown }).code),
  ),
});
