// @ts-check
/**
 * What an application does first: it opens the driver that detection chooses and does a little with it. Prints the
 * driver, and the cause that was found for uring.
 */
import { fileURLToPath } from "node:url";
import { createBackend } from "@baton-io/core";
import { detect } from "@baton-io/detect";

const driver = await detect();
const io = createBackend({ driver });
const listener = await io.listen({ host: "127.0.0.1" });
const { address: host, port } = listener.address;
const [near, far] = await Promise.all([listener.accept(), io.connect({ host, port })]);
const message = io.buffers.copyFrom("asked");
await far.send(message);
message.release();
(await near.receive(io.buffers.take(64))).buffer.release();
const file = await io.openFile(fileURLToPath(import.meta.url), "r");
(await file.read(io.buffers.take(64), { position: 0 })).buffer.release();
await Promise.all([near.close(), far.close(), listener.close(), file.close()]);
await io.close();
console.log(io.driver, driver.report.drivers[0]?.cause);
