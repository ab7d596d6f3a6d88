/** The backend itself: its options, what it shows, and its end. */
import { createBackend } from "@baton-io/core";
import { featureNames, opcodeNames } from "@baton-io/core/driver";
import { connectionNeeds } from "../traits/socket-specimens.js";
import type { Clause } from "./case.js";
import { equal, ok, oneOf, rejects, throws } from "./expect.js";

export const backendClause: Clause = {
  id: "backend",
  title: "the backend",
  promise: "closing-is-orderly",
  cases: [
    {
      id: "name",
      title: "it tells the driver's name, and is open",
      run: ({ io, subject }) => {
        equal(io.driver, subject.createDriver().name, "io.driver");
        equal(io.closed, false, "io.closed");
      },
    },
    {
      id: "bad-options",
      title: "options that are none, out of range or misspelt are refused, and nothing is opened",
      run: ({ subject }) => {
        const driver = subject.createDriver();
        for (const options of [undefined, null, 7])
          throws(() => createBackend(options as never), "ERR_INVALID_ARG_TYPE");
        for (const none of [undefined, null, "libuv", {}]) {
          throws(() => createBackend({ driver: none as never }), "ERR_INVALID_ARG_TYPE");
        }
        throws(() => createBackend({ driver, operationMax: 4 } as never), "ERR_UNKNOWN_OPTION");
        for (const operationsMax of [0, -1, 2 ** 20, 1.5, Number.NaN]) {
          throws(() => createBackend({ driver, operationsMax }), "ERR_OUT_OF_RANGE");
        }
        throws(() => createBackend({ driver, poolBytesMax: 1 }), "ERR_OUT_OF_RANGE");
        throws(() => createBackend({ driver, arenaBytes: 1 }), "ERR_OUT_OF_RANGE");
        throws(() => createBackend({ driver, receiveBuffersMax: 0 }), "ERR_OUT_OF_RANGE");
        throws(() => createBackend({ driver, leakDetection: 1 as never }), "ERR_INVALID_ARG_TYPE");
      },
    },
    {
      id: "close-once",
      title: "a second close is ERR_RESOURCE_CLOSED_TWICE; disposal waits for the first",
      run: async ({ io }) => {
        const closing = io.close();
        equal(io.closed, true, "io.closed while it closes");
        await rejects(io.close(), "ERR_RESOURCE_CLOSED_TWICE");
        await io[Symbol.asyncDispose]();
        const report = await closing;
        equal(report.resourcesClosed, 0, "resourcesClosed");
        equal(report.buffersOut, 0, "buffersOut");
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        equal(report.quarantinedBytes, 0, "quarantinedBytes");
      },
    },
    {
      id: "bad-deadline",
      title: "a deadline that is none is refused, and the backend stays open",
      run: async ({ io }) => {
        for (const deadlineMs of [-1, Number.NaN]) await rejects(io.close({ deadlineMs }), "ERR_OUT_OF_RANGE");
        await rejects(io.close({ deadline: 5 } as never), "ERR_UNKNOWN_OPTION");
        equal(io.closed, false, "io.closed");
      },
    },
    {
      id: "closes-what-is-open",
      title: "closing it closes files, listeners and streams, and says how many; peers see the end",
      needs: [...connectionNeeds, "open", "receive"],
      run: async (context) => {
        const server = context.another();
        const listener = await server.listen();
        const [accepted, connected] = await Promise.all([
          listener.accept(),
          context.io.connect({ port: listener.address.port }),
        ]);
        const file = await context.openFile("x");
        const ownListener = await context.io.listen();
        const report = await context.io.close();
        equal(report.resourcesClosed, 3, "resourcesClosed");
        for (const resource of [connected, file, ownListener]) {
          equal(resource.closed, true, "resource.closed");
          await rejects(resource.close(), "ERR_RESOURCE_CLOSED_TWICE");
        }
        using buffer = server.buffers.take(4);
        equal((await accepted.receive(buffer)).bytesReceived, 0, "what the peer receives");
        await Promise.all([accepted.close(), listener.close()]);
      },
    },
    {
      id: "closes-under-way",
      mutants: ["backend-cancels-its-own-closes"],
      title: "a close that waits for its turn when the backend closes is done, and told to whoever asked for it",
      promise: "closing-is-orderly",
      needs: ["open"],
      run: async (context) => {
        const { io } = context;
        const files = await Promise.all([context.openFile("1"), context.openFile("2"), context.openFile("3")]);
        const closings = files.map((file) => file.close());
        const isWaiting = ({ opcode, state }: { opcode: string; state: string }) =>
          opcode === "close" && state === "queued";
        const waiting = () => io.inspect().operations.filter(isWaiting).length;
        // They are handed over together, by a microtask behind those that ask for them.
        for (let step = 0; step < 20 && waiting() < files.length; step++) await undefined;
        equal(waiting(), files.length, "the number of closes that wait for their turn");
        const report = await io.close();
        await Promise.all(closings);
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        for (const file of files) equal(file.closed, true, "file.closed");
      },
    },
    {
      id: "buffers-out",
      title: "buffers that are out with the program are reported, and can be released afterwards",
      run: async (context) => {
        const { io } = context;
        const buffers = [io.buffers.take(10), io.buffers.take(100_000), io.buffers.adopt(new ArrayBuffer(5))];
        equal((await io.close()).buffersOut, 3, "buffersOut");
        for (const buffer of buffers) {
          equal(buffer.state, "owned", "the state of a buffer");
          buffer.release();
        }
      },
    },
    {
      id: "everything-in-flight",
      title: "closed with one of each operation in flight it settles every one, and confirms them all to itself",
      needs: [...connectionNeeds, "open", "read", "receive", "timer"],
      run: async (context) => {
        const { io } = context;
        const file = await context.openFile("0123456789");
        const pair = await context.pair();
        const buffers = Array.from({ length: 30 }, () => io.buffers.take(4));
        const results: unknown[] = [];
        const pending = [
          ...buffers.slice(0, 10).map((buffer, position) => file.read(buffer, { position })),
          ...buffers.slice(10, 20).map((buffer) => pair.near.receive(buffer)),
          ...buffers.slice(20).map((buffer) => file.read(buffer)),
          ...Array.from({ length: 10 }, () => pair.listener.accept()),
          ...Array.from({ length: 10 }, () => io.sleep(60_000)),
          ...Array.from({ length: 10 }, () => context.io.openFile(file.path)),
        ].map((promise) =>
          promise.then(
            (result) => {
              // Kept: dropped files are for the collector to report.
              results.push(result);
              return "ok";
            },
            (error: { code: string }) => error.code,
          ),
        );
        await context.flush();
        const report = await io.close();
        for (const outcome of await Promise.all(pending)) {
          oneOf(outcome, ["ok", "ERR_RESOURCE_CLOSED", "ERR_BACKEND_CLOSED"], "how an operation settled");
        }
        equal(report.unconfirmedOperations, 0, "unconfirmedOperations");
        ok(results.length >= 10, "the reads at positions to have their results");
        for (const buffer of buffers) buffer.release();
        await pair[Symbol.asyncDispose]();
      },
    },
    {
      id: "two-backends",
      title: "two backends over one kind of driver know nothing of each other",
      needs: ["nop"],
      run: async (context) => {
        const other = context.another();
        await Promise.all([context.io.nop(), other.nop(), other.nop()]);
        equal(context.io.inspect().counters.submitted, 1, "operations of the one");
        equal(other.inspect().counters.submitted, 2, "operations of the other");
        await other.close();
        await context.io.nop();
      },
    },
  ],
};

export const capabilitiesClause: Clause = {
  id: "capabilities",
  title: "capabilities",
  promise: "lacking-is-refused",
  cases: [
    {
      id: "complete",
      title:
        "every operation and every feature is declared, natively, emulated in a named way, or lacking for a reason",
      run: ({ io }) => {
        const { operations, features } = io.capabilities;
        equal(Object.keys(operations).sort().join(), [...opcodeNames].sort().join(), "the operations declared");
        equal(Object.keys(features).sort().join(), [...featureNames].sort().join(), "the features declared");
        for (const support of [...Object.values(operations), ...Object.values(features)]) {
          oneOf(support.kind, ["native", "emulated", "unsupported"], "the kind of support");
          if (support.kind === "emulated") ok(support.how.length > 0, "an emulation to be named");
          if (support.kind === "unsupported") ok(support.why.length > 0, "a reason for what is lacking");
        }
      },
    },
    {
      id: "probe-agrees",
      title: "the probe promises nothing that the open driver lacks",
      run: ({ io, subject }) => {
        const probe = subject.createDriver().probe();
        ok(probe.available, "the probe to find the driver available");
        for (const name of opcodeNames) {
          equal(io.capabilities.operations[name].kind, probe.capabilities.operations[name].kind, `operations.${name}`);
        }
        for (const name of featureNames) {
          equal(io.capabilities.features[name].kind, probe.capabilities.features[name].kind, `features.${name}`);
        }
      },
    },
    {
      id: "cannot-be-changed",
      title: "a program cannot change what is declared",
      run: ({ io }) => {
        ok(Object.isFrozen(io.capabilities.operations), "operations to be frozen");
        ok(Object.isFrozen(io.capabilities.features), "features to be frozen");
      },
    },
  ],
};

export const inspectorClause: Clause = {
  id: "inspector",
  title: "the inspector",
  cases: [
    {
      id: "empty",
      title: "a new backend has nothing in flight, nothing open and nothing counted",
      run: ({ io }) => {
        const inspection = io.inspect();
        equal(inspection.driver, io.driver, "the driver");
        equal(inspection.operations.length, 0, "the number of operations");
        equal(inspection.resources.length, 0, "the number of resources");
        ok(
          Object.values(inspection.counters).every((count) => count === 0),
          "all counters to be 0",
        );
        equal(inspection.buffers.out, 0, "buffers out");
      },
    },
    {
      id: "in-flight",
      title: "it shows each operation in flight: kind, state, age, resource and buffer",
      needs: [...connectionNeeds, "receive", "timer", "cancelSocket"],
      run: async (context) => {
        const { io } = context;
        await using pair = await context.pair();
        using buffer = io.buffers.take(100);
        const receive = io.submit({ opcode: "receive", stream: pair.near, buffer });
        const timer = io.submit({ opcode: "timer", afterMs: 60_000 });
        await context.until(() => receive.state === "submitted" && timer.state === "submitted", "both to be in flight");
        const shown = io.inspect().operations;
        const shownReceive = shown.find(({ id }) => id === receive.id)!;
        equal(shownReceive.opcode, "receive", "the kind");
        equal(shownReceive.state, "submitted", "the state");
        equal(shownReceive.resource?.kind, "tcp-stream", "the kind of resource");
        equal(shownReceive.buffer?.length, 100, "the length of the buffer");
        equal(shownReceive.buffer?.state, "lent", "the state of the buffer");
        const shownTimer = shown.find(({ id }) => id === timer.id)!;
        equal(shownTimer.resource, undefined, "the timer's resource");
        equal(shownTimer.buffer, undefined, "the timer's buffer");
        const startedMs = context.clock.nowMs();
        await context.until(() => context.clock.nowMs() > startedMs, "time to pass");
        ok(
          io.inspect().operations.every(({ ageMs }) => ageMs > 0),
          "every operation to have an age",
        );
        const settled = Promise.allSettled([receive.done, timer.done]);
        await Promise.all([receive.cancel(), timer.cancel(), settled]);
      },
    },
    {
      id: "resources",
      title: "it shows each open resource with its kind, label and operations, until it is closed",
      needs: [...connectionNeeds, "open"],
      run: async (context) => {
        const { io } = context;
        const file = await context.openFile("x");
        const listener = await io.listen();
        const accepting = rejects(listener.accept(), "ERR_RESOURCE_CLOSED");
        const resources = io.inspect().resources;
        equal(resources.length, 2, "the number of resources");
        const shownFile = resources.find(({ kind }) => kind === "file")!;
        equal(shownFile.label, file.path, "the file's label");
        equal(shownFile.phase, "open", "the file's phase");
        const shownListener = resources.find(({ kind }) => kind === "tcp-listener")!;
        equal(shownListener.label, `127.0.0.1:${listener.address.port}`, "the listener's label");
        equal(shownListener.operationsInFlight, 1, "the listener's operations in flight");
        const closing = file.close();
        equal(
          io.inspect().resources.find(({ kind }) => kind === "file")?.phase,
          "closing",
          "the phase while it closes",
        );
        await Promise.all([closing, listener.close(), accepting]);
        equal(io.inspect().resources.length, 0, "the number of resources");
      },
    },
    {
      id: "counts",
      title: "operations, cancels, failures and abandoned ones are counted",
      needs: ["nop", "timer", "stat"],
      run: async (context) => {
        const { io } = context;
        await Promise.all([io.nop(), io.nop()]);
        await rejects(io.stat(context.path("missing")), "ENOENT");
        const canceled = io.submit({ opcode: "timer", afterMs: 60_000 });
        const abandoned = io.submit({ opcode: "timer", afterMs: 60_000 });
        await context.until(
          () => abandoned.state === "submitted" && canceled.state === "submitted",
          "both to be in flight",
        );
        const rejected = [
          rejects(canceled.done, "ERR_OPERATION_CANCELED"),
          rejects(abandoned.done, "ERR_OPERATION_ABANDONED"),
        ];
        abandoned.abandon();
        await canceled.cancel();
        await Promise.all(rejected);
        await context.until(() => io.inspect().orphans.inFlight === 0, "the orphan to end");
        const { counters, orphans } = io.inspect();
        equal(counters.failed, 1, "failed");
        equal(counters.canceled, 1, "canceled");
        equal(counters.abandoned, 1, "abandoned");
        equal(counters.cancelsSent, 2, "cancelsSent");
        equal(orphans.total, 1, "orphans.total");
        context.expect({ orphans: 1 });
      },
    },
    {
      id: "plain-data",
      title: "what it shows is plain data of its moment: fit for JSON, and not changed by what comes later",
      needs: ["nop"],
      run: async ({ io }) => {
        const before = io.inspect();
        const text = JSON.stringify(before);
        (before.counters as { submitted: number }).submitted = 99;
        await io.nop();
        equal(io.inspect().counters.submitted, 1, "submitted");
        equal((JSON.parse(text) as { counters: { submitted: number } }).counters.submitted, 0, "submitted before");
      },
    },
  ],
};
