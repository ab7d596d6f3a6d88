/** While its resource is open: every operation works, is visible, and refuses what it cannot take. */
import type { Clause } from "../conformance/case.js";
import { checkError, equal, ok, rejects, throws } from "../conformance/expect.js";
import { carriedBy, expectHome } from "./home.js";
import { type Specimen, submitStaged } from "./specimen.js";
import { defineTrait } from "./trait.js";

const finishes = ({ finishes: can }: Specimen) => can;
const submittable = ({ submittable: can, finishes: ends }: Specimen) => can && ends;
const takesOptions = ({ takesOptions: takes }: Specimen) => takes;
const carriesBuffer = ({ buffer }: Specimen) => buffer !== "none";
const takesParts = ({ buffer, wholeBuffers }: Specimen) => buffer !== "none" && wholeBuffers !== true;

const results: readonly Clause[] = defineTrait("while-open", [
  {
    id: "ends-with-its-result",
    title: "it settles once, with its result and with its buffer home",
    promise: "buffer-comes-home",
    applies: finishes,
    run: async (_context, stage) => {
      const pending = stage.call();
      await stage.finish();
      const result = await pending;
      expectHome(stage);
      await stage.check(result);
    },
  },
  {
    id: "foreign-resource",
    mutants: ["foreign-resource-accepted"],
    title: "asked of another backend by submit, batch or chain it is ERR_RESOURCE_FOREIGN, and both backends go on",
    promise: "closing-is-orderly",
    applies: (specimen) => specimen.onResource && submittable(specimen),
    run: async (context, stage) => {
      const elsewhere = context.another();
      throws(() => submitStaged(elsewhere, stage), "ERR_RESOURCE_FOREIGN");
      const [batched] = await elsewhere.batch([stage.request!()]);
      ok(batched?.status === "rejected", "the batched request to be refused");
      checkError(batched.reason, "ERR_RESOURCE_FOREIGN", {});
      await rejects(elsewhere.chain([stage.request!()]), "ERR_RESOURCE_FOREIGN");
      expectHome(stage);
      equal(elsewhere.inspect().counters.submitted, 0, "the number of operations that the other backend submitted");
      const pending = stage.call();
      await stage.finish();
      await stage.check(await pending);
    },
  },
  {
    id: "again-and-again",
    title: "asked for again and again it gives a result each time, though its slot is reused",
    promise: "ends-once",
    applies: finishes,
    run: async (_context, stage) => {
      for (let round = 0; round < 5; round++) {
        const pending = stage.call();
        await stage.finish();
        await stage.check(await pending);
      }
    },
  },
  {
    id: "as-an-operation",
    title: "io.submit tells its id, its state and its outcome, and the inspector shows it while it is in flight",
    applies: submittable,
    run: async ({ io }, stage) => {
      const operation = submitStaged(io, stage);
      equal(operation.state, "queued", "the state of an operation just submitted");
      equal(operation.outcome, "pending", "its outcome");
      const info = io.inspect().operations.find(({ id }) => id === operation.id);
      ok(info !== undefined, "the inspector to show the operation");
      equal(info.state, "queued", "the state in the inspector");
      const shown = info.buffers ?? (info.buffer === undefined ? [] : [info.buffer]);
      equal(shown.length, carriedBy(stage).length, "the number of buffers in the inspector");
      for (const [index, buffer] of carriedBy(stage).entries()) {
        equal(shown[index]!.length, buffer.length, "the buffer's length in the inspector");
        equal(shown[index]!.state, "lent", "the buffer's state in the inspector");
        equal((operation.buffers ?? [operation.buffer])[index], buffer, "the operation's buffer");
      }
      await stage.finish();
      const result = await operation.done;
      equal(operation.state, "completed", "the state of an operation that has ended");
      equal(operation.outcome, "ok", "its outcome");
      ok(!io.inspect().operations.some(({ id }) => id === operation.id), "the inspector to have forgotten it");
      await stage.check(result);
    },
  },
  {
    id: "one-request-once",
    title: "a request object that is in flight is refused with ERR_REQUEST_SUBMITTED_TWICE, and taken again afterwards",
    applies: submittable,
    run: async ({ io }, stage) => {
      const request = stage.request!();
      const operation = io.submit(request);
      throws(() => io.submit(request), "ERR_REQUEST_SUBMITTED_TWICE");
      await stage.finish();
      await stage.check(await operation.done);
      const again = io.submit(request);
      await stage.finish();
      await stage.check(await again.done);
    },
  },
]);

const refusals: readonly Clause[] = defineTrait("refuses", [
  {
    id: "unknown-option",
    title: "a misspelt option is ERR_UNKNOWN_OPTION, and nothing is submitted",
    applies: takesOptions,
    run: async ({ io }, stage) => {
      const before = io.inspect().counters.submitted;
      await rejects(stage.call({ timeoutMS: 5 } as never), "ERR_UNKNOWN_OPTION");
      if (stage.request !== undefined) {
        throws(() => io.submit(stage.request!({ signl: undefined } as never)), "ERR_UNKNOWN_OPTION");
      }
      equal(io.inspect().counters.submitted, before, "the number of operations submitted");
      expectHome(stage);
    },
  },
  {
    id: "bad-timeout",
    title: "a timeoutMs that is no duration is ERR_OUT_OF_RANGE or ERR_INVALID_ARG_TYPE",
    applies: takesOptions,
    run: async (_context, stage) => {
      for (const timeoutMs of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
        await rejects(stage.call({ timeoutMs }), "ERR_OUT_OF_RANGE");
      }
      for (const timeoutMs of ["5", null, {}]) {
        await rejects(stage.call({ timeoutMs } as never), "ERR_INVALID_ARG_TYPE");
      }
      expectHome(stage);
    },
  },
  {
    id: "bad-signal",
    title: "a signal that is none, or an onAbort that is unknown, is refused",
    applies: takesOptions,
    run: async (_context, stage) => {
      for (const signal of [{}, "abort", null, 7]) {
        await rejects(stage.call({ signal } as never), "ERR_INVALID_ARG_TYPE");
      }
      await rejects(stage.call({ onAbort: "later" } as never), "ERR_INVALID_ARG_VALUE");
      expectHome(stage);
    },
  },
  {
    id: "aborted-before",
    mutants: ["aborted-already-is-begun"],
    title: "with a signal that is aborted already it rejects with ABORT_ERR and the reason, and nothing is submitted",
    promise: "cancel-has-one-contract",
    applies: takesOptions,
    run: async ({ io }, stage) => {
      const before = io.inspect().counters.submitted;
      const reason = new Error("changed my mind");
      const error = await rejects(stage.call({ signal: AbortSignal.abort(reason) }), "ABORT_ERR", {
        name: "AbortError",
        cause: reason,
      });
      equal(io.inspect().counters.submitted, before, "the number of operations submitted");
      expectHome(stage, error);
    },
  },
]);

const lending: readonly Clause[] = defineTrait("lends", [
  {
    id: "untouchable",
    mutants: ["views-not-detached", "bytes-while-lent"],
    title: "while it is in flight its buffer's bytes throw ERR_BUFFER_LENT and views taken before are detached",
    promise: "lent-is-out-of-reach",
    applies: carriesBuffer,
    run: async ({ io }, stage) => {
      const views = carriedBy(stage).map((buffer) => ({ buffer, view: buffer.bytes }));
      ok(views.length > 0, "the operation to carry a buffer");
      const operation = submitStaged(io, stage);
      for (const { buffer, view } of views) {
        throws(() => buffer.bytes, "ERR_BUFFER_LENT");
        throws(() => buffer.release(), "ERR_BUFFER_LENT");
        equal(view.length, 0, "the length of a view taken before");
        equal(view.buffer.byteLength, 0, "the length of its ArrayBuffer");
        equal(buffer.state, "lent", "the state of the buffer");
        equal(buffer.lentTo, operation.id, "the operation it is lent to");
      }
      await stage.finish();
      const result = await operation.done;
      expectHome(stage);
      for (const { buffer, view } of views) ok(buffer.bytes !== view, "a new view after the buffer has come home");
      await stage.check(result);
    },
  },
  {
    id: "released",
    title: "a buffer that was released is ERR_BUFFER_RELEASED",
    promise: "lent-is-out-of-reach",
    applies: carriesBuffer,
    run: async ({ io }, stage) => {
      const buffer = io.buffers.take(16);
      buffer.release();
      const { length } = io.inspect().operations;
      await rejects(stage.transfer!(buffer), "ERR_BUFFER_RELEASED");
      equal(io.inspect().operations.length, length, "the number of operations in flight");
    },
  },
  {
    id: "foreign",
    mutants: ["foreign-buffer-accepted"],
    title: "a plain view, and a buffer of another backend, are ERR_BUFFER_FOREIGN",
    promise: "lent-shared-or-exclusive",
    applies: carriesBuffer,
    run: async (context, stage) => {
      const elsewhere = context.another().buffers.take(16);
      for (const stranger of [
        elsewhere,
        new Uint8Array(16),
        new ArrayBuffer(16),
        { bytes: new Uint8Array(4), length: 4 },
      ]) {
        await rejects(stage.transfer!(stranger as never), "ERR_BUFFER_FOREIGN");
      }
      equal(elsewhere.state, "owned", "the state of the other backend's buffer");
      elsewhere.release();
    },
  },
  {
    id: "part-out-of-range",
    title: "an offset or length outside the buffer, or not an integer, is ERR_OUT_OF_RANGE and lends nothing",
    promise: "lent-shared-or-exclusive",
    applies: takesParts,
    run: async ({ io }, stage) => {
      using buffer = io.buffers.take(16);
      for (const value of [-1, 17, 1.5, Number.NaN, 2 ** 53, Number.NEGATIVE_INFINITY]) {
        await rejects(stage.transfer!(buffer, { offset: value }), "ERR_OUT_OF_RANGE");
        await rejects(stage.transfer!(buffer, { length: value }), "ERR_OUT_OF_RANGE");
      }
      await rejects(stage.transfer!(buffer, { offset: 8, length: 9 }), "ERR_OUT_OF_RANGE");
      await rejects(stage.transfer!(buffer, { length: "4" } as never), "ERR_INVALID_ARG_TYPE");
      expectHome({ buffer });
    },
  },
  {
    id: "lent-to-another",
    title: "bytes that the kernel writes cannot be lent a second time: ERR_BUFFER_LENT, and the first is not disturbed",
    promise: "lent-shared-or-exclusive",
    applies: ({ buffer }) => buffer === "exclusive",
    run: async (_context, stage) => {
      // All in one tick: it may be home before the next.
      const pending = stage.call();
      const refused = carriedBy(stage).flatMap((buffer) => [
        rejects(stage.transfer!(buffer), "ERR_BUFFER_LENT"),
        rejects(stage.transfer!(buffer.slice(1, 2)), "ERR_BUFFER_LENT"),
      ]);
      await Promise.all(refused);
      await stage.finish();
      await stage.check(await pending);
    },
  },
]);

export const whileOpen: readonly Clause[] = [...results, ...refusals, ...lending];
