/** When its resource or its backend closes: every operation settles, and nothing new begins. */

import type { Clause } from "../conformance/case.js";
import { equal, oneOf, rejects } from "../conformance/expect.js";
import { expectHome } from "./home.js";
import type { Specimen, Stage } from "./specimen.js";
import { defineTrait } from "./trait.js";

const closedCodes = ["ERR_RESOURCE_CLOSED", "ERR_BACKEND_CLOSED"];
const always = () => true;
const hasResource = ({ onResource }: Specimen) => onResource;

/** It ended because of the close, or well before it; its buffer is home either way. */
async function settlesAtClose(stage: Stage, specimen: Specimen, pending: Promise<unknown>): Promise<void> {
  if (specimen.waits) {
    const error = await rejects(pending, closedCodes);
    expectHome(stage, error);
    return;
  }
  await pending.then(undefined, (error: { code: string }) => {
    oneOf(error.code, closedCodes, "the code of the error");
  });
  expectHome(stage);
}

const resource: readonly Clause[] = defineTrait("while-closing", [
  {
    id: "in-the-same-tick",
    title: "its resource closed in the tick it was asked for in: it settles, its buffer is home, and the close is done",
    promise: "closing-is-orderly",
    applies: hasResource,
    run: async (_context, stage, specimen) => {
      const pending = stage.call();
      const closing = stage.resource!.close();
      await settlesAtClose(stage, specimen, pending);
      await closing;
      equal(stage.resource!.closed, true, "that the resource is closed");
    },
  },
  {
    id: "in-flight",
    title: "its resource closed while the driver has it: it settles, its buffer is home, and the close is done",
    promise: "closing-is-orderly",
    applies: hasResource,
    run: async (context, stage, specimen) => {
      const pending = stage.call();
      await context.flush();
      const closing = stage.resource!.close();
      await settlesAtClose(stage, specimen, pending);
      await closing;
    },
  },
  {
    id: "asked-for-meanwhile",
    mutants: ["begins-while-closing"],
    title: "asked for while its resource closes, it rejects with ERR_RESOURCE_CLOSED and lends nothing",
    promise: "closing-is-orderly",
    applies: hasResource,
    run: async (_context, stage) => {
      const closing = stage.resource!.close();
      await rejects(stage.call(), "ERR_RESOURCE_CLOSED");
      expectHome(stage);
      await closing;
    },
  },
  {
    id: "asked-for-afterwards",
    title: "asked for after its resource was closed, it rejects with ERR_RESOURCE_CLOSED and lends nothing",
    promise: "closing-is-orderly",
    applies: hasResource,
    run: async ({ io }, stage) => {
      await stage.resource!.close();
      const { submitted } = io.inspect().counters;
      await rejects(stage.call(), "ERR_RESOURCE_CLOSED");
      equal(io.inspect().counters.submitted, submitted, "the number of operations submitted");
      expectHome(stage);
    },
  },
]);

const backend: readonly Clause[] = defineTrait("backend-closing", [
  {
    id: "in-flight",
    title: "the backend closed while the driver has it: it settles, and its buffer is home",
    promise: "closing-is-orderly",
    applies: always,
    run: async (context, stage, specimen) => {
      const pending = stage.call();
      const flushed = context.flush();
      const closing = context.io.close();
      await settlesAtClose(stage, specimen, pending);
      await flushed;
      const report = await closing;
      equal(report.unconfirmedOperations, 0, "the number of operations not confirmed");
    },
  },
  {
    id: "asked-for-afterwards",
    title: "asked for after the backend was closed, it is refused and lends nothing",
    promise: "closing-is-orderly",
    applies: always,
    run: async (context, stage) => {
      await context.io.close();
      await rejects(stage.call(), closedCodes);
      expectHome(stage);
    },
  },
]);

export const whileClosing: readonly Clause[] = [...resource, ...backend];
