// @ts-check
/**
 * Mutants: changes of one place that break one promise, each with the tests that were seen to fail for it. A test
 * that fails for no mutant may be testing nothing. `npm run mutants` tries them all.
 *
 * A conformance case names its mutants in `mutants`, every other test in a comment `// mutant: name`.
 *
 * @typedef {object} Killer
 * @property {string} file The test file.
 * @property {string} test A part of the test's full name; for a conformance case its id.
 *
 * @typedef {object} Mutant
 * @property {string} name
 * @property {"P1" | "P2" | "P3" | "P4" | "P5" | "P6" | "P7" | "P8" | "P9" | "P10" | "P11" | "operations"} promise
 *   The promise it breaks; "operations" for what an operation does.
 * @property {string} file The source that it changes.
 * @property {string} find Stands in that source exactly once.
 * @property {string} replace
 * @property {readonly Killer[]} killedBy
 */

const CORE = "packages/core/src/";
const LIBUV = "packages/driver-libuv/src/";

/** @param {...string} ids @returns {Killer[]} */
const kit = (...ids) => ids.map((id) => ({ file: "packages/driver-libuv/test/conformance.test.ts", test: `${id} ·` }));

/** @param {string} name @param {...string} tests @returns {Killer[]} */
const core = (name, ...tests) => tests.map((test) => ({ file: `packages/core/test/${name}.test.ts`, test }));

/** @type {readonly Mutant[]} */
export const mutants = [
  // --- P1: exactly one end --------------------------------------------------------------------------------------------
  {
    name: "generation-not-changed",
    promise: "P1",
    file: `${CORE}operation-table.ts`,
    find: "    entry.generation = entry.generation === GENERATION_MAX ? 1 : entry.generation + 1;\n",
    replace: "",
    killedBy: [...kit("once/ids-are-unique"), ...core("operation-table", "changes the generation with every release")],
  },
  {
    name: "late-completion-taken",
    promise: "P1",
    file: `${CORE}completion.ts`,
    find: "entry.generation !== words[base + COMPLETION_WORD.generation]! ||",
    replace: "",
    killedBy: core("endings", "by completing what has ended is counted"),
  },
  {
    name: "ended-operation-still-cancelled",
    promise: "P1",
    file: `${CORE}operation.ts`,
    find: 'if (this.#outcome !== "pending") return false;',
    replace: 'if (this.#outcome !== "pending") return true;',
    killedBy: kit("once/late-cancel"),
  },
  {
    name: "final-after-final",
    promise: "P1",
    file: `${CORE}lifecycle.ts`,
    find: 'completed: { release: "free" },',
    replace: 'completed: { release: "free", final: "completed" },',
    killedBy: core("lifecycle", "final in completed is illegal"),
  },
  {
    name: "libuv-cancel-ignores-generation",
    promise: "P1",
    file: `${LIBUV}pending.ts`,
    find: "if (operation === undefined || operation.generation !== generation) return -ERRNO.ENOENT;",
    replace: "if (operation === undefined) return -ERRNO.ENOENT;",
    killedBy: kit("spi-cancel/wrong-generation"),
  },
  {
    name: "libuv-completes-twice",
    promise: "P1",
    file: `${LIBUV}pending.ts`,
    find: "    this.#operations.delete(ticket.slot);\n",
    replace: "",
    killedBy: kit("spi-cancel/after-its-end"),
  },
  {
    name: "listens-for-ever",
    promise: "P1",
    file: `${CORE}abort-listeners.ts`,
    find: '  signal.removeEventListener("abort", watch.listener);\n',
    replace: "",
    killedBy: kit("once/lets-go-of-its-signal"),
  },

  // --- P2: a lent buffer cannot be touched ------------------------------------------------------------------------------
  {
    name: "views-not-detached",
    promise: "P2",
    file: `${CORE}owned-buffer.ts`,
    find: "if (block.exposed && !block.unsafe) detachViews(block);",
    replace: "",
    killedBy: kit("ownership/part-lends-the-whole", "lends.receive/untouchable"),
  },
  {
    name: "bytes-while-lent",
    promise: "P2",
    file: `${CORE}owned-buffer.ts`,
    find: "if (tenure.released || (tenure.lends !== 0 && !block.unsafe)) throw",
    replace: "if (tenure.released) throw",
    killedBy: kit("lends.send/untouchable", "ownership/shared-lends"),
  },
  {
    name: "release-while-lent",
    promise: "P2",
    file: `${CORE}owned-buffer.ts`,
    find: 'if (tenure.lends !== 0) throw this.#untouchable("release");',
    replace: "",
    killedBy: kit("ownership/not-while-lent"),
  },
  {
    name: "stale-view-after-release",
    promise: "P2",
    file: `${CORE}buffer-pool.ts`,
    find: "    if (block.exposed) {\n      try {\n        detachViews(block);",
    replace: "    if (block.unsafe) {\n      try {\n        detachViews(block);",
    killedBy: kit("ownership/new-owner-is-safe"),
  },
  {
    name: "detach-not-proven",
    promise: "P2",
    file: `${CORE}owned-buffer.ts`,
    find: "if (old.byteLength !== 0 || block.buffer.byteLength === 0) {",
    replace: "if (block.buffer.byteLength === 0) {",
    killedBy: core("owned-buffer", "is refused when the runtime did not detach"),
  },
  {
    name: "heap-detach-copies",
    promise: "P2",
    file: `${CORE}heap-memory.ts`,
    find: "const moved = moveArrayBuffer(buffer);",
    replace: "const moved = buffer.slice(0);",
    killedBy: kit("spi-memory/detach"),
  },
  {
    name: "release-twice-allowed",
    promise: "P2",
    file: `${CORE}owned-buffer.ts`,
    find: 'if (tenure.released) throw batonError("ERR_BUFFER_RELEASED_TWICE"',
    replace: 'if (tenure.released && tenure.lends > 0) throw batonError("ERR_BUFFER_RELEASED_TWICE"',
    killedBy: kit("ownership/released-once"),
  },

  // --- P3: the buffer comes home ----------------------------------------------------------------------------------------
  {
    name: "error-without-buffer",
    promise: "P3",
    file: `${CORE}settle.ts`,
    find: "    ...(entry.buffer !== undefined && { buffer: entry.buffer }),\n",
    replace: "",
    killedBy: kit("ownership/error-carries-it-home", "cancel.receive/before-the-driver"),
  },
  {
    name: "settles-before-home",
    promise: "P3",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.buffer !== undefined) giveBackBuffer(entry.buffer, entry);\n    if (entry.resource !== undefined) entry.resource.leave(entry);\n    if (orphaned)",
    replace:
      "    const { buffer } = entry;\n    if (buffer !== undefined) setTimeout(() => giveBackBuffer(buffer, entry));\n    if (entry.resource !== undefined) entry.resource.leave(entry);\n    if (orphaned)",
    killedBy: kit("ownership/home-before-the-promise"),
  },
  {
    name: "kept-by-an-error",
    promise: "P3",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.buffer !== undefined) giveBackBuffer(entry.buffer, entry);\n    if (entry.resource !== undefined) entry.resource.leave(entry);\n    if (orphaned)",
    replace:
      "    if (entry.buffer !== undefined && result >= 0) giveBackBuffer(entry.buffer, entry);\n    if (entry.resource !== undefined) entry.resource.leave(entry);\n    if (orphaned)",
    killedBy: kit("ownership/error-carries-it-home", "cancel.receive/in-flight"),
  },
  {
    name: "kept-by-an-early-cancel",
    promise: "P3",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.progress > 0) this.salvage(entry, entry.progress, 0);\n    if (entry.buffer !== undefined) giveBackBuffer(entry.buffer, entry);\n",
    replace: "    if (entry.progress > 0) this.salvage(entry, entry.progress, 0);\n",
    killedBy: [...kit("cancel.read-at/before-the-driver"), ...core("interleavings", "end once each")],
  },

  // --- P4: shared and exclusive lends -----------------------------------------------------------------------------------
  {
    name: "overlap-allowed",
    promise: "P4",
    file: `${CORE}owned-buffer.ts`,
    find: "if (conflict && overlapsConflicting(",
    replace: "if (conflict && false && overlapsConflicting(",
    killedBy: kit("ownership/overlapping-parts", "ownership/no-write-into-what-is-sent"),
  },
  {
    name: "overlap-off-by-one",
    promise: "P4",
    file: `${CORE}owned-buffer.ts`,
    find: "start < holder.lendEnd && holder.lendStart < end",
    replace: "start < holder.lendEnd - 1 && holder.lendStart < end",
    killedBy: [...kit("ownership/overlapping-parts"), ...core("owned-buffer", "a lend is refused exactly when")],
  },
  {
    name: "write-lends-exclusively",
    promise: "P4",
    file: `${CORE}resource/file-operations.ts`,
    find: 'writeFull: plan("file.writeFull", writeKind, false, true),',
    replace: 'writeFull: plan("file.writeFull", writeKind, true, true),',
    killedBy: kit("ownership/shared-lends", "ownership/overlapping-shared-parts"),
  },
  {
    name: "slice-start-forgotten",
    promise: "P4",
    file: `${CORE}owned-buffer.ts`,
    find: "const from = buffer.#start + start;",
    replace: "const from = start;",
    killedBy: kit("ownership/only-the-part", "ownership/disjoint-parts"),
  },
  {
    name: "pooled-adopted",
    promise: "P4",
    file: `${CORE}buffer-pool.ts`,
    find: "if (offset !== 0 || length !== buffer.byteLength) {",
    replace: "if (offset < 0) {",
    killedBy: [...kit("foreign-memory/adopt-a-part"), ...core("buffer-pool", "a pooled Buffer of Node is refused")],
  },
  {
    name: "resizable-accepted",
    promise: "P4",
    file: `${CORE}buffer-pool.ts`,
    find: 'if ("resizable" in buffer && buffer.resizable === true) {',
    replace: 'if ("resizable" in buffer && buffer.resizable === 1) {',
    killedBy: kit("foreign-memory/what-adopt-refuses", "foreign-memory/what-borrow-refuses"),
  },
  {
    name: "adopt-leaves-views",
    promise: "P4",
    file: `${CORE}heap-memory.ts`,
    find: "adopt: (source) => add([{ buffer: moveArrayBuffer(source), offset: 0 }]),",
    replace: "adopt: (source) => add([{ buffer: source.slice(0), offset: 0 }]),",
    killedBy: kit("foreign-memory/adopt", "spi-memory/adopt"),
  },
  {
    name: "foreign-buffer-accepted",
    promise: "P4",
    file: `${CORE}dispatcher.ts`,
    find: "if (block.memory !== this.session.memory) {",
    replace: "if (block.memory === undefined) {",
    killedBy: kit("lends.read-at/foreign"),
  },

  // --- P5: one contract for cancel --------------------------------------------------------------------------------------
  {
    name: "cancel-always-says-canceled",
    promise: "P5",
    file: `${CORE}settle.ts`,
    find: 'const answer = outcome === "canceled" ? "canceled" : "completed";',
    replace: 'const answer = "canceled";',
    killedBy: [
      ...kit("cancel.read-at/racing-its-end"),
      ...core("endings", "ended early by cancel, whose result is 4, comes to ok"),
    ],
  },
  {
    name: "timeout-discards-the-result",
    promise: "P5",
    file: `${CORE}settle.ts`,
    find: '    case "timeout":\n      return isCancelResult(result);',
    replace: '    case "timeout":\n      return true;',
    killedBy: core("endings", "ended early by timeout, whose result is 4, comes to ok"),
  },
  {
    name: "cancel-does-not-wait",
    promise: "P5",
    file: `${CORE}cancel.ts`,
    find: "      entry.advance(EVENT.cancel);\n      this.send(entry);\n",
    replace:
      "      entry.advance(EVENT.cancel);\n      this.send(entry);\n      this.#dispatcher.settleLocally(entry, -125);\n",
    killedBy: kit("cancel.receive/in-flight"),
  },
  {
    name: "abort-without-reason",
    promise: "P5",
    file: `${CORE}settle.ts`,
    find: "{ ...more, cause: entry.extras?.signal?.reason }",
    replace: "{ ...more }",
    killedBy: kit("abort.receive/in-flight", "abort.open/in-the-same-tick"),
  },
  {
    name: "aborted-already-is-begun",
    promise: "P5",
    file: `${CORE}cancel.ts`,
    find: "if (signal?.aborted !== true) return;",
    replace: "if (signal !== undefined) return;",
    killedBy: kit("refuses.fsync/aborted-before"),
  },
  {
    name: "errors-hidden-by-the-close",
    promise: "P5",
    file: `${CORE}settle.ts`,
    find: 'return result < 0 || (result === 0 && entry.kind!.name === "receive");',
    replace: "return isCancelResult(result);",
    killedBy: core("endings", "ended early by close, whose result is 0, comes to ERR_RESOURCE_CLOSED"),
  },

  // --- P6: nothing that wins a race is lost -----------------------------------------------------------------------------
  {
    name: "accepted-is-dropped",
    promise: "P6",
    file: `${CORE}resource/acceptor.ts`,
    find: "      this.#ready.push(connection);\n",
    replace: "",
    killedBy: core("endings", "whose caller has left gives its connection"),
  },
  {
    name: "received-is-dropped",
    promise: "P6",
    file: `${CORE}resource/stream-operations.ts`,
    find: "  salvage: (entry, result) => entry.lane?.salvage(entry, result),\n",
    replace: "",
    killedBy: core(
      "endings",
      "ended early by signal, whose result is 4, comes to ABORT_ERR, and its bytes to the next",
    ),
  },
  {
    name: "read-is-dropped",
    promise: "P6",
    file: `${CORE}resource/file-operations.ts`,
    find: "  salvage: (entry, result) => entry.lane?.salvage(entry, result),\n",
    replace: "",
    killedBy: kit("file-salvage/reads-at-the-own-position", "file-salvage/abandoned-reads"),
  },
  {
    name: "salvaged-rest-is-dropped",
    promise: "P6",
    file: `${CORE}lane.ts`,
    find: "      else this.#salvaged[0] = chunk.subarray(part.length);\n",
    replace: "      else this.#salvaged.shift();\n",
    killedBy: core("lane", "gives kept bytes to the next operation", "gives out exactly the bytes that were kept"),
  },
  {
    name: "opened-is-left-open",
    promise: "P6",
    file: `${CORE}resource/open.ts`,
    find: "    closeHandle((entry.subject as OpenSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);\n",
    replace: "",
    killedBy: core(
      "endings",
      "open: aborted too late, what it opened is closed",
      "abandoned, what it opens later is closed",
    ),
  },
  {
    name: "connected-is-left-open",
    promise: "P6",
    file: `${CORE}resource/connect.ts`,
    find: "    closeHandle((entry.subject as ConnectSubject).dispatcher, result, flags >>> AUXILIARY_SHIFT);\n",
    replace: "",
    killedBy: core("endings", "connect: aborted too late, what it opened is closed"),
  },

  // --- P7: abandon ------------------------------------------------------------------------------------------------------
  {
    name: "orphan-not-counted",
    promise: "P7",
    file: `${CORE}dispatcher.ts`,
    find: "    this.orphans.adopt(entry);\n",
    replace: "",
    killedBy: kit("abandon.receive/in-flight", "abandon.timer/by-its-signal"),
  },
  {
    name: "orphan-keeps-its-buffer",
    promise: "P7",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.buffer !== undefined) expectReturn(entry.buffer);\n",
    replace: "",
    killedBy: [...kit("abandon.receive/in-flight"), ...core("interleavings", "end once each")],
  },
  {
    name: "abandoned-while-queued-is-cancelled",
    promise: "P7",
    file: `${CORE}dispatcher.ts`,
    find: '      this.endQueued(entry, "cancel", error);\n',
    replace: '      this.endQueued(entry, "cancel");\n',
    killedBy: kit("abandon.read-at/before-the-driver"),
  },
  {
    name: "orphan-never-leaves",
    promise: "P7",
    file: `${CORE}orphan.ts`,
    find: "    this.#orphans.delete(entry);\n",
    replace: "",
    killedBy: core("interleavings", "end once each"),
  },

  // --- P8: handles ------------------------------------------------------------------------------------------------------
  {
    name: "close-twice-allowed",
    promise: "P8",
    file: `${CORE}resource/closing.ts`,
    find: '  if (state.phase !== "open") {\n    throw batonError("ERR_RESOURCE_CLOSED_TWICE"',
    replace: '  if (state.phase === undefined) {\n    throw batonError("ERR_RESOURCE_CLOSED_TWICE"',
    killedBy: kit("file-open/close-once", "tcp-stream/close-once"),
  },
  {
    name: "begins-while-closing",
    promise: "P8",
    file: `${CORE}resource-state.ts`,
    find: '    if (this.phase !== "open") {',
    replace: '    if (this.phase === "closed") {',
    killedBy: kit("while-closing.read-at/asked-for-meanwhile"),
  },
  {
    name: "close-does-not-wait",
    promise: "P8",
    file: `${CORE}resource/closing.ts`,
    find: "  await state.drained();\n",
    replace: "",
    killedBy: core("endings", "closes the handle only when the last operation on it has ended"),
  },
  {
    name: "leak-not-reported",
    promise: "P8",
    file: `${CORE}resource-tracker.ts`,
    find: "          options.onLeak({ kind: state.kind, label: state.label, stack });\n",
    replace: "",
    killedBy: core("owned-buffer", "a file without close is reported"),
  },
  {
    name: "libuv-handle-generation-kept",
    promise: "P8",
    file: `${LIBUV}handles.ts`,
    find: "cell.generation = cell.generation === AUXILIARY_MAX ? 1 : cell.generation + 1;",
    replace: "cell.generation = 1;",
    killedBy: kit("spi-handles/generation"),
  },
  {
    name: "backend-cancels-its-own-closes",
    promise: "P8",
    file: `${CORE}backend.ts`,
    find: "const own = kind?.opcode === OPCODE.cancel || kind?.opcode === OPCODE.close;",
    replace: "const own = false;",
    killedBy: kit("backend-closing.timer/in-flight"),
  },

  // --- P10: what a driver lacks is refused ------------------------------------------------------------------------------
  {
    name: "unsupported-operation-begins",
    promise: "P10",
    file: `${CORE}dispatcher.ts`,
    find: "if (this.closed || this.#unsupported[kind.opcode] === 1) throw this.#notReady(kind);",
    replace: "if (this.closed) throw this.#notReady(kind);",
    killedBy: core("conformance", "refusal/open ·", "refusal/timer ·"),
  },
  {
    name: "unsupported-feature-passed-over",
    promise: "P10",
    file: `${CORE}dispatcher.ts`,
    find: 'if (support.kind !== "unsupported") return;',
    replace: 'if (support.kind !== "nothing") return;',
    killedBy: kit("refusal/directIo"),
  },
  {
    name: "libuv-flags-passed-over",
    promise: "P10",
    file: `${LIBUV}session.ts`,
    find: "if ((submission.flags & ~FLAGS_KNOWN) !== 0) return this.#deliver.complete(submission, -ERRNO.ENOTSUP);",
    replace: "",
    killedBy: kit("refusal/links"),
  },
  {
    name: "undeclared-is-native",
    promise: "P10",
    file: `${CORE}capability.ts`,
    find: "declared.operations[name] ?? missing",
    replace: "declared.operations[name] ?? native()",
    killedBy: core("tables", "what a driver does not mention is unsupported"),
  },

  // --- P11: back-pressure -----------------------------------------------------------------------------------------------
  {
    name: "refused-submissions-forgotten",
    promise: "P11",
    file: `${CORE}flush.ts`,
    find: "if (accepted < count) this.#queue.putBack(window, accepted, count);",
    replace: "",
    killedBy: core("flush", "offers again what a full driver did not take"),
  },
  {
    name: "put-back-reversed",
    promise: "P11",
    file: `${CORE}submission-queue.ts`,
    find: "for (let index = count - 1; index >= accepted; index--) {",
    replace: "for (let index = accepted; index < count; index++) {",
    killedBy: core("submission-queue", "it is a queue with two fast lanes"),
  },
  {
    name: "limit-off-by-one",
    promise: "P11",
    file: `${CORE}operation-table.ts`,
    find: "if (this.#inUse >= this.#callerMax) {",
    replace: "if (this.#inUse > this.#callerMax) {",
    killedBy: [...kit("back-pressure/limit-is-exact"), ...core("operation-table", "keeps the reserve from callers")],
  },
  {
    name: "waiters-last-first",
    promise: "P11",
    file: `${CORE}buffer-pool.ts`,
    find: "queue.shift()!.resolve(buffer);",
    replace: "queue.pop()!.resolve(buffer);",
    killedBy: [...kit("pool/waits"), ...core("buffer-pool", "a thousand waiters are served in their order")],
  },
  {
    name: "aborted-waiter-stays",
    promise: "P11",
    file: `${CORE}buffer-pool.ts`,
    find: "        queue.splice(index, 1);\n        finish();",
    replace: "        finish();",
    killedBy: kit("pool/wait-aborted"),
  },
  {
    name: "full-arena-not-noticed",
    promise: "P11",
    file: `${CORE}dispatcher.ts`,
    find: "      if (offset < 0) return false;\n",
    replace: "",
    killedBy: kit("back-pressure/small-arena"),
  },
  {
    name: "transient-result-is-an-error",
    promise: "P11",
    file: `${CORE}dispatcher.ts`,
    find: "if (this.#isTransient(entry, result)) {",
    replace: "if (this.#isTransient(entry, result) && entry.whole) {",
    killedBy: core("interleavings", "end once each"),
  },
  {
    name: "no-starvation-guard",
    promise: "P11",
    file: `${CORE}flush.ts`,
    find: "this.#rounds >= FLUSH_ROUNDS_MAX || ",
    replace: "",
    killedBy: core("flush", "waits for the event loop after its budget of rounds"),
  },

  // --- what operations do -----------------------------------------------------------------------------------------------
  {
    name: "lane-not-serial",
    promise: "operations",
    file: `${CORE}lane.ts`,
    find: "if (this.#current === undefined && this.#salvagedBytes === 0 && !isEmpty(entry)) {",
    replace: "if (this.#salvagedBytes === 0 && !isEmpty(entry)) {",
    killedBy: core("lane", "has one operation with the driver at a time"),
  },
  {
    name: "position-high-lost",
    promise: "operations",
    file: `${CORE}dispatcher.ts`,
    find: "records[entry.base + WORD.positionHigh] = Math.floor(value / 0x1_0000_0000);",
    replace: "records[entry.base + WORD.positionHigh] = value < 0 ? -1 : 0;",
    killedBy: kit("file-write/beyond-4-gib"),
  },
  {
    name: "position-unchecked",
    promise: "operations",
    file: `${CORE}resource/file-operations.ts`,
    find: '  checkInteger(transfer.where, "position", position, 0, POSITION_MAX);\n',
    replace: "",
    killedBy: kit("file-read/bad-position"),
  },
  {
    name: "offset-ignored",
    promise: "operations",
    file: `${CORE}resource/transfer.ts`,
    find: 'offset = checkInteger(where, "offset", options.offset, 0, length);',
    replace: 'checkInteger(where, "offset", options.offset, 0, length);',
    killedBy: kit("file-read/part-of-the-buffer"),
  },
  {
    name: "short-send-ends",
    promise: "operations",
    file: `${CORE}resource/stream-operations.ts`,
    find: "  whole: true,\n",
    replace: "  whole: false,\n",
    killedBy: core("endings", "goes on where it stopped until all bytes are out"),
  },
  {
    name: "shutdown-overtakes",
    promise: "operations",
    file: `${CORE}resource/stream-operations.ts`,
    find: '  if (how !== "receive") entry.lane = sendLane;\n',
    replace: "",
    killedBy: core("endings", "a shutdown goes behind the sends that were asked for before it"),
  },
  {
    name: "failed-sync-forgotten",
    promise: "operations",
    file: `${CORE}resource/file.ts`,
    find: "    if (this.#syncError !== undefined) return Promise.reject(this.#syncError);\n",
    replace: "",
    killedBy: core("endings", "that failed once fails for ever with the first error"),
  },
  {
    name: "nul-in-path-allowed",
    promise: "operations",
    file: `${CORE}validate.ts`,
    find: "  if (bytes.includes(0)) throw batonError(",
    replace: "  if (bytes.length < 0) throw batonError(",
    killedBy: [...kit("file-open/bad-path"), ...core("validate", "a path is its bytes")],
  },
  {
    name: "error-without-path",
    promise: "operations",
    file: `${CORE}resource/open.ts`,
    find: "details: (entry) => ({ path: (entry.subject as OpenSubject).path }),",
    replace: "",
    killedBy: kit("file-open/not-there"),
  },
  {
    name: "timer-rounds-down",
    promise: "operations",
    file: `${CORE}resource/timer.ts`,
    find: "Math.ceil(afterMs * 1000)",
    replace: "Math.floor(afterMs) * 1000",
    killedBy: kit("timer/never-early"),
  },
  {
    name: "batch-not-flushed",
    promise: "operations",
    file: `${CORE}backend.ts`,
    find: "    this.#dispatcher.flush.flushNow();\n    return Promise.allSettled(results)",
    replace: "    return Promise.allSettled(results)",
    killedBy: kit("batch/one-call"),
  },
  {
    name: "libuv-buffer-offset-ignored",
    promise: "operations",
    file: `${LIBUV}session.ts`,
    find: "return this.memory.view(buffer, bufferOffset, length);",
    replace: "return this.memory.view(buffer, 0, length);",
    killedBy: kit("spi-handles/read-and-write", "ownership/only-the-part"),
  },
  {
    name: "chain-all-at-once",
    promise: "operations",
    file: `${CORE}chain.ts`,
    find: "    this.#start(0);\n",
    replace: "    for (const index of this.#entries.keys()) this.#start(index);\n",
    killedBy: kit("chain/cancel-ends-it"),
  },
  {
    name: "chain-goes-on-after-failure",
    promise: "operations",
    file: `${CORE}link.ts`,
    find: "      chain.endedBadly(entry, error);\n",
    replace: "      chain.endedWell(entry);\n",
    killedBy: kit("chain/failure-ends-it"),
  },
  {
    name: "chain-short-is-well",
    promise: "operations",
    file: `${CORE}link.ts`,
    find: "if (moved < wanted)",
    replace: "if (moved < 0)",
    killedBy: kit("chain/short-transfer-ends-it"),
  },
  {
    name: "chain-torn",
    promise: "operations",
    file: `${CORE}submission-queue.ts`,
    find: "      if (filled + this.#table.entries[slot]!.togetherCount > window.length) break;\n",
    replace: "",
    killedBy: core("submission-queue", "what must go together is never torn"),
  },
  {
    name: "chain-lost-after-repeat",
    promise: "P11",
    file: `${CORE}dispatcher.ts`,
    find: "    if (entry.chain!.waitsAgain(entry)) return true;\n",
    replace: "",
    killedBy: [
      { file: "packages/core/test/sim/driver-side.test.ts", test: "is taken over when a member has to go again" },
    ],
  },
  {
    name: "timeout-starts-over",
    promise: "P5",
    file: `${CORE}dispatcher.ts`,
    find: "    entry.chain?.unlink(entry);\n    this.canceler.keepTime(entry);\n    if (result",
    replace: "    entry.chain?.unlink(entry);\n    if (result",
    killedBy: [{ file: "packages/core/test/sim/driver-side.test.ts", test: "is core's from the second submission on" }],
  },
  {
    name: "refused-keeps-no-time",
    promise: "P5",
    file: `${CORE}dispatcher.ts`,
    find: "refused: (entry) => this.canceler.keepTime(entry)",
    replace: "refused: () => undefined",
    killedBy: [
      { file: "packages/core/test/sim/driver-side.test.ts", test: "is core's while a full driver does not take" },
    ],
  },
  {
    name: "libuv-late-open-leaks",
    promise: "P9",
    file: `${LIBUV}file-operations.ts`,
    find: "      if (id === undefined) return fs.close(fd, () => undefined);\n",
    replace: "      if (id === undefined) return;\n",
    killedBy: [
      { file: "packages/driver-libuv/test/late-handles.test.ts", test: "closes the file that the thread pool opens" },
    ],
  },
];
