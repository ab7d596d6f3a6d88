/** A listener of the program's that throws does no harm, whatever it is told of. */
import { createBackend } from "@baton-io/core";
import { createSimulation } from "@baton-io/core/testing";
import { expect, test } from "vitest";
import { collectUntil } from "./collect-garbage.js";

// mutant: backend-leak-unguarded
test("one that throws for a backend that was dropped is heard, and nobody else is", async () => {
  const told: string[] = [];
  const drop = async () => {
    const simulation = createSimulation({ seed: 1 });
    const onLeak = ({ what }: { readonly what: string }) => {
      told.push(what);
      throw new Error("from onLeak");
    };
    const io = createBackend({ driver: simulation.driver, clock: simulation.clock, onLeak });
    await io.nop();
  };
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  process.on("uncaughtException", onUncaught);
  try {
    await drop();
    expect(await collectUntil(() => told.length > 0)).toBe(true);
    await new Promise<void>((resolve) => setImmediate(resolve));
  } finally {
    process.off("uncaughtException", onUncaught);
  }
  expect(uncaught).toEqual([]);
  expect(told).toEqual(["backend"]);
});

test("what is no function, and what is no clock, is refused", () => {
  const { driver } = createSimulation({ seed: 1 });
  for (const wrong of [{ onLeak: 5 }, { onAcceptPaused: "x" }, { clock: {} }, { clock: null }]) {
    expect(() => createBackend({ driver, ...wrong } as never)).toThrow(
      expect.objectContaining({ code: "ERR_INVALID_ARG_TYPE" }),
    );
  }
});
