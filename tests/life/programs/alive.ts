/**
 * What keeps a process alive, and what does not: `alive.mjs DRIVER WHAT`. Each program says what it saw and then waits
 * for nothing that it does not say; it ends by itself, or it does not.
 */
import { createBackend, isSupported } from "@baton-io/core";
import { createDriver, say } from "./drivers.js";

/** Longer than any of these programs takes, and no reason to live by itself. */
const TIMEOUT_MS = 300;

const [driver = "", what = ""] = process.argv.slice(2);
const io = createBackend({ driver: createDriver(driver) });
const canLoop = isSupported(io.capabilities.features.providedBuffer);
/** What a program keeps to its end, or the collector would have a say. */
const kept: unknown[] = [io];
process.on("exit", () => kept.splice(0));

async function connected() {
  const listener = await io.listen({ host: "127.0.0.1" });
  const [near, far] = await Promise.all([listener.accept(), io.connect({ port: listener.address.port })]);
  kept.push(listener, near, far);
  return { listener, near, far };
}

const programs: Readonly<Record<string, () => Promise<void>>> = {
  /** One connection was accepted, and nobody waits for the next. */
  "after-an-accept": async () => {
    await connected();
    say({ done: true });
  },
  /** The same by a loop that is left standing. */
  "after-a-step-of-a-loop": async () => {
    const { near, far } = await connected();
    const steps = canLoop ? near[Symbol.asyncIterator]() : undefined;
    await far.send(io.buffers.copyFrom("hello"));
    const chunk = await steps?.next();
    kept.push(steps, chunk);
    say({ done: true });
  },
  "after-a-step-over-a-listener": async () => {
    const listener = await io.listen({ host: "127.0.0.1" });
    const steps = listener[Symbol.asyncIterator]();
    const [step] = await Promise.all([steps.next(), io.connect({ port: listener.address.port })]);
    kept.push(listener, steps, step);
    say({ done: true });
  },
  /** A receive that was given up. */
  "after-an-abort": async () => {
    const { near } = await connected();
    const error = await near.receive(io.buffers.take(16), { timeoutMs: 10 }).catch((reason: unknown) => reason);
    kept.push(error);
    say({ done: true });
  },
  /** Nothing but the accept, the receive or the loop is there to wait for. */
  "an-accept": async () => {
    const listener = await io.listen({ host: "127.0.0.1" });
    await listener.accept({ timeoutMs: TIMEOUT_MS }).catch(({ code }: { code: string }) => say({ code }));
  },
  "a-second-accept": async () => {
    const { listener } = await connected();
    await listener.accept({ timeoutMs: TIMEOUT_MS }).catch(({ code }: { code: string }) => say({ code }));
  },
  "a-receive": async () => {
    const { near } = await connected();
    const receiving = near.receive(io.buffers.take(16), { timeoutMs: TIMEOUT_MS });
    await receiving.catch(({ code }: { code: string }) => say({ code }));
  },
};

await programs[what]!();
