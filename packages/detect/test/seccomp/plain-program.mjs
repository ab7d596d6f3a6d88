// @ts-check
/** What the runtime alone does on the way of `asking-program.mjs`: who dies of this dies of the runtime's own calls. */
import { readFile } from "node:fs/promises";
import net from "node:net";
import { fileURLToPath } from "node:url";

const server = net.createServer((socket) => socket.end("x"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
const address = server.address();
const port = typeof address === "object" && address !== null ? address.port : 0;
await new Promise((resolve) => net.connect(port, "127.0.0.1").resume().on("close", resolve));
server.close();
await readFile(fileURLToPath(import.meta.url));
console.log("lives");
