/** When it is ended early: every operation settles once, with what really happened, and its buffer comes home. */

import type { Clause } from "../conformance/case.js";
import { equal, ok, oneOf, rejects } from "../conformance/expect.js";
import { expectHome, expectState } from "./home.js";
import { type Specimen, submitStaged } from "./specimen.js";
import { defineTrait } from "./trait.js";

const submittable = ({ submittable: can }: Specimen) => can;
const waits = ({ waits: does }: Specimen) => does;
const prompt = ({ waits: does, submittable: can }: Specimen) => can && !does;
const takesOptions = ({ takesOptions: takes }: Specimen) => takes;

const canceling: readonly Clause[] = defineTrait("cancel", [
  {
    id: "before-the-driver",
    mutants: ["error-without-buffer", "kept-by-an-early-cancel"],
    title: "canceled before the driver has it, it ends at once without a call to the driver",
    promise: "cancel-has-one-contract",
    applies: submittable,
    run: async ({ io }, stage) => {
      const { driverCalls, cancelsSent } = io.inspect().counters;
      const operation = submitStaged(io, stage);
      const answer = operation.cancel();
      const { counters } = io.inspect();
      equal(counters.driverCalls, driverCalls, "the number of calls to the driver");
      equal(counters.cancelsSent, cancelsSent, "the number of cancels sent to the driver");
      const error = await rejects(operation.done, "ERR_OPERATION_CANCELED", { driver: io.driver });
      equal(await answer, "canceled", "the answer of cancel()");
      equal(operation.outcome, "canceled", "the outcome");
      equal(operation.state, "completed", "the state");
      expectHome(stage, error);
    },
  },
  {
    id: "in-flight",
    mutants: ["kept-by-an-error", "cancel-does-not-wait"],
    cancelsInFlight: true,
    title: "canceled while it waits, it rejects with ERR_OPERATION_CANCELED, its buffer is home, and cancel() says so",
    promise: "cancel-has-one-contract",
    applies: (specimen) => waits(specimen) && submittable(specimen),
    run: async (context, stage) => {
      const operation = submitStaged(context.io, stage);
      await context.untilTaken(operation);
      const answer = operation.cancel();
      equal(operation.state, "canceling", "the state after cancel()");
      const error = await rejects(operation.done, "ERR_OPERATION_CANCELED");
      equal(await answer, "canceled", "the answer of cancel()");
      equal(operation.outcome, "canceled", "the outcome");
      expectHome(stage, error);
    },
  },
  {
    id: "racing-its-end",
    mutants: ["cancel-always-says-canceled"],
    title: "canceled while it may be ending, cancel() and the promise tell the same story, and the buffer is home",
    promise: "cancel-has-one-contract",
    applies: prompt,
    run: async (context, stage) => {
      const operation = submitStaged(context.io, stage);
      const flushed = context.flush();
      const answer = operation.cancel();
      const settled = await operation.done.then(
        async (result) => {
          await stage.check(result);
          return "ok";
        },
        (error: { code: string; buffer?: unknown; buffers?: unknown }) => {
          equal(error.code, "ERR_OPERATION_CANCELED", "the code of the error");
          expectHome(stage, error);
          return "canceled";
        },
      );
      equal(operation.outcome, settled, "the outcome");
      oneOf(await answer, settled === "ok" ? ["completed", "too-late"] : ["canceled"], "the answer of cancel()");
      await flushed;
      expectHome(stage);
    },
  },
  {
    id: "twice",
    cancelsInFlight: true,
    title: "canceled twice, both get the same answer, and a third that comes later is too late",
    promise: "cancel-has-one-contract",
    applies: submittable,
    run: async (context, stage) => {
      const operation = submitStaged(context.io, stage);
      const settled = operation.done.catch(() => undefined);
      await context.untilTaken(operation);
      const answers = await Promise.all([operation.cancel(), operation.cancel(), settled]);
      equal(answers[0], answers[1], "the second answer");
      equal(await operation.cancel(), "too-late", "the answer of a cancel after the end");
      if (operation.outcome === "ok") await stage.check(answers[2]);
    },
  },
  {
    id: "after-its-end",
    title: "canceled after its end, cancel() says too-late and the result stays",
    promise: "cancel-has-one-contract",
    applies: (specimen) => submittable(specimen) && specimen.finishes,
    run: async ({ io }, stage) => {
      const operation = submitStaged(io, stage);
      await stage.finish();
      const result = await operation.done;
      equal(await operation.cancel(), "too-late", "the answer of cancel()");
      equal(operation.outcome, "ok", "the outcome");
      equal(await operation.done, result, "the result");
      await stage.check(result);
    },
  },
  {
    id: "then-another",
    cancelsInFlight: true,
    title: "after one that was canceled in flight, the next one gets its result",
    promise: "nothing-is-lost",
    applies: (specimen) => submittable(specimen) && specimen.finishes,
    run: async (context, stage) => {
      const first = submitStaged(context.io, stage);
      const settled = first.done.catch(() => undefined);
      await context.flush();
      await first.cancel();
      const result = await settled;
      if (first.outcome === "ok") await stage.check(result);
      const second = stage.call();
      await stage.finish();
      await stage.check(await second);
    },
  },
]);

const aborting: readonly Clause[] = defineTrait("abort", [
  {
    id: "in-the-same-tick",
    mutants: ["abort-without-reason"],
    title: "aborted in the tick it was asked for in, it rejects with ABORT_ERR, the reason and the buffer",
    promise: "cancel-has-one-contract",
    applies: takesOptions,
    run: async (_context, stage) => {
      const controller = new AbortController();
      const pending = stage.call({ signal: controller.signal });
      const reason = { why: "no longer needed" };
      controller.abort(reason);
      const error = await rejects(pending, "ABORT_ERR", { name: "AbortError", cause: reason });
      expectHome(stage, error);
    },
  },
  {
    id: "in-flight",
    mutants: ["abort-without-reason"],
    cancelsInFlight: true,
    title: "aborted while it waits, it rejects with ABORT_ERR once the driver has let go, and its buffer is home",
    promise: "cancel-has-one-contract",
    applies: (specimen) => waits(specimen) && takesOptions(specimen),
    run: async (context, stage) => {
      const controller = new AbortController();
      const pending = stage.call({ signal: controller.signal });
      await context.flush();
      controller.abort("enough");
      const error = await rejects(pending, "ABORT_ERR", { cause: "enough" });
      expectHome(stage, error);
    },
  },
  {
    id: "racing-its-end",
    title: "aborted while it may be ending, it settles once: with ABORT_ERR, or with its result if that came first",
    promise: "cancel-has-one-contract",
    applies: (specimen) => takesOptions(specimen) && !specimen.waits,
    run: async (context, stage) => {
      const controller = new AbortController();
      const pending = stage.call({ signal: controller.signal });
      const flushed = context.flush();
      controller.abort();
      await pending.then(
        (result) => stage.check(result),
        (error: { code: string; buffer?: unknown; buffers?: unknown }) => {
          equal(error.code, "ABORT_ERR", "the code of the error");
          expectHome(stage, error);
        },
      );
      await flushed;
    },
  },
  {
    id: "after-its-end",
    title: "aborted after its end, nothing happens",
    applies: (specimen) => takesOptions(specimen) && specimen.finishes,
    run: async ({ io }, stage) => {
      const controller = new AbortController();
      const pending = stage.call({ signal: controller.signal });
      await stage.finish();
      const result = await pending;
      const { submitted } = io.inspect().counters;
      controller.abort();
      equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
      await stage.check(result);
    },
  },
  {
    id: "deadline-passed",
    cancelsInFlight: true,
    title: "not done within timeoutMs, it rejects with ERR_TIMEOUT and its buffer is home",
    promise: "cancel-has-one-contract",
    applies: (specimen) => waits(specimen) && takesOptions(specimen),
    run: async (_context, stage) => {
      const error = await rejects(stage.call({ timeoutMs: 3 }), "ERR_TIMEOUT", { name: "TimeoutError" });
      expectHome(stage, error);
    },
  },
  {
    id: "deadline-not-reached",
    title: "done within timeoutMs, it has its result",
    applies: (specimen) => takesOptions(specimen) && specimen.finishes,
    run: async (_context, stage) => {
      const pending = stage.call({ timeoutMs: 60_000 });
      await stage.finish();
      await stage.check(await pending);
    },
  },
]);

const abandoning: readonly Clause[] = defineTrait("abandon", [
  {
    id: "in-flight",
    mutants: ["orphan-not-counted", "orphan-keeps-its-buffer"],
    cancelsInFlight: true,
    title: "abandoned while it waits, it rejects at once; the buffer goes back to the pool when the driver is done",
    promise: "abandoned-becomes-orphan",
    applies: (specimen) => waits(specimen) && submittable(specimen),
    run: async (context, stage) => {
      const { io } = context;
      const { out } = io.inspect().buffers;
      const operation = submitStaged(io, stage);
      await context.untilTaken(operation);
      operation.abandon();
      equal(operation.state, "orphaned", "the state of an abandoned operation");
      equal(io.inspect().orphans.inFlight, 1, "the number of orphans in flight");
      expectState(stage, "returning", "the state of its buffer");
      await rejects(operation.done, "ERR_OPERATION_ABANDONED", { buffer: undefined });
      equal(operation.outcome, "canceled", "the outcome");
      await context.until(() => io.inspect().orphans.inFlight === 0, "the orphan to end");
      expectState(stage, "released", "the state of the buffer in the end");
      if (stage.buffer !== undefined) equal(io.inspect().buffers.out, out - 1, "the number of buffers out");
      equal(await operation.cancel(), "too-late", "the answer of a cancel after the end");
      context.expect({ orphans: 1 });
    },
  },
  {
    id: "before-the-driver",
    mutants: ["abandoned-while-queued-is-canceled"],
    title: "abandoned before the driver has it, it rejects with ERR_OPERATION_ABANDONED and leaves no orphan",
    promise: "abandoned-becomes-orphan",
    applies: submittable,
    run: async ({ io }, stage) => {
      const { driverCalls } = io.inspect().counters;
      const operation = submitStaged(io, stage);
      operation.abandon();
      equal(io.inspect().counters.driverCalls, driverCalls, "the number of calls to the driver");
      await rejects(operation.done, "ERR_OPERATION_ABANDONED");
      expectState(stage, "released", "the state of the buffer");
    },
  },
  {
    id: "racing-its-end",
    title: "abandoned while it may be ending, it settles once, and the pool has its buffer in the end",
    promise: "abandoned-becomes-orphan",
    applies: prompt,
    run: async (context, stage) => {
      const { io } = context;
      const operation = submitStaged(io, stage);
      const flushed = context.flush();
      operation.abandon();
      const abandoned = operation.state === "orphaned";
      const settled = await operation.done.then(
        async (result) => {
          await stage.check(result);
          return "ok";
        },
        (error: { code: string }) => error.code,
      );
      oneOf(settled, ["ok", "ERR_OPERATION_ABANDONED"], "how it settled");
      await flushed;
      await context.until(() => io.inspect().orphans.inFlight === 0, "the orphan to end");
      context.expect({ orphans: io.inspect().orphans.total });
      if (abandoned) equal(settled, "ERR_OPERATION_ABANDONED", "how an abandoned operation settled");
      expectState(stage, settled === "ok" ? "owned" : "released", "the state of the buffer");
    },
  },
  {
    id: "by-its-signal",
    mutants: ["orphan-not-counted"],
    cancelsInFlight: true,
    title: 'with onAbort: "abandon" an abort rejects at once, and the buffer goes back to the pool by itself',
    promise: "abandoned-becomes-orphan",
    applies: (specimen) => waits(specimen) && submittable(specimen),
    run: async (context, stage) => {
      const { io } = context;
      const controller = new AbortController();
      const operation = submitStaged(io, stage, { signal: controller.signal, onAbort: "abandon" });
      await context.untilTaken(operation);
      controller.abort("gone");
      equal(operation.state, "orphaned", "the state");
      await rejects(operation.done, "ABORT_ERR", { cause: "gone", buffer: undefined });
      await context.until(() => io.inspect().orphans.inFlight === 0, "the orphan to end");
      expectState(stage, "released", "the state of the buffer");
      context.expect({ orphans: 1 });
    },
  },
  {
    id: "by-its-signal-in-the-same-tick",
    title: 'with onAbort: "abandon" an abort in the same tick treats the buffer the same way: it is the pool\'s again',
    promise: "abandoned-becomes-orphan",
    applies: (specimen) => submittable(specimen) && takesOptions(specimen),
    run: async ({ io }, stage) => {
      const controller = new AbortController();
      const operation = submitStaged(io, stage, { signal: controller.signal, onAbort: "abandon" });
      controller.abort("gone");
      await rejects(operation.done, "ABORT_ERR", { cause: "gone", buffer: undefined });
      expectState(stage, "released", "the state of the buffer");
      ok(io.inspect().orphans.total === 0, "no orphan");
    },
  },
]);

export const afterCancel: readonly Clause[] = [...canceling, ...aborting, ...abandoning];
