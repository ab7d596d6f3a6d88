/**
 * Connections that send for as long as anybody takes it, and never read: `stalled-peers.mjs PORT COUNT AT_ONCE`. For each
 * line of the input, the next so many.
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";

const CHUNK_BYTES = 65_536;

const [port = "", count = "", atOnce = ""] = process.argv.slice(2);
const chunk = Buffer.alloc(CHUNK_BYTES);
let left = Number(count);

function open(): void {
  left--;
  const socket = connect(Number(port), "127.0.0.1", () => {
    const push = () => {
      while (socket.write(chunk));
      socket.once("drain", push);
    };
    push();
  });
  socket.pause();
  socket.on("error", () => undefined);
}

const input = createInterface(process.stdin);
input.on("line", () => {
  for (let index = 0; index < Number(atOnce) && left > 0; index++) open();
  if (left === 0) process.stdout.write("all are up\n");
});
// Whoever started it is gone.
input.on("close", () => process.exit());
