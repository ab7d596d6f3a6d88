/**
 * A process gives up its rights after its backend was made; what the backend then creates belongs to who it is now:
 * `credentials.mjs DRIVER DIRECTORY UID`.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { createBackend } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

const [driver = "", directory = "", uid = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver) });
const create = async (name: string) => {
  const path = join(directory, name);
  await using _file = await io.openFile(path, "wx");
  return statSync(path).uid;
};
const before = await create("before");
process.seteuid!(Number(uid));
const during = await create("during");
const refused = await io.openFile(join(directory, "closed", "never"), "wx").then(
  () => "nobody refused it",
  ({ code }: { code: string }) => code,
);
process.seteuid!(0);
const restored = await create("restored");
await io.close();
say({ before, during, refused, restored });
