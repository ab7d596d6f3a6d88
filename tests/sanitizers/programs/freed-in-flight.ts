/**
 * The memory of a buffer is taken away while the kernel is to write to it, as a driver would that freed it too early:
 * `freed-in-flight.mjs DRIVER`, with `BATON_GUARD_PAGES=1`.
 */
import { createBackend } from "@baton-io/core";
import type { Driver, DriverMemory } from "@baton-io/core/driver";
import { createDriver, say } from "../../life/programs/drivers.js";

/** The driver, and what takes away the memory of the buffer that was handed out last. */
function spyOn(driver: Driver): { driver: Driver; takeAway: () => void } {
  let memory: DriverMemory | undefined;
  let latest = -1;
  const open: Driver["open"] = (host, limits) => {
    const session = driver.open(host, limits);
    memory = session.memory;
    const protect = (number: number, accessible: boolean) => {
      if (accessible) latest = number;
      return session.memory.protect?.(number, accessible) ?? true;
    };
    return { ...session, memory: { ...session.memory, protect } };
  };
  return { driver: { ...driver, open }, takeAway: () => memory?.protect?.(latest, false) };
}

const { driver, takeAway } = spyOn(createDriver(process.argv[2]));
const io = createBackend({ driver });
const listener = await io.listen({ host: "127.0.0.1" });
const { address: host, port } = listener.address;
const [near, far] = await Promise.all([listener.accept(), io.connect({ host, port })]);
const message = io.buffers.copyFrom("hello");
const received = near.receive(io.buffers.take(4096)).then(
  ({ bytesReceived }) => `${bytesReceived} bytes`,
  ({ code }: { code: string }) => code,
);
// The driver has it, and waits for data.
await io.batch([]);
await io.sleep(1);
if (process.argv[3] === "planted") takeAway();
await far.send(message);
say({ received: await received });
process.exit(0);
