/** What programs get wrong, each with a code of its own. What needs a file or a connection is in the conformance kit. */
import { describe, expect, test } from "vitest";
import { createBackend } from "../src/index.js";
import { SLOT_COUNT_MAX } from "../src/spi/record.js";
import { createSimulation, nullDriver } from "../src/testing/index.js";

const code = (expected: string) => expect.objectContaining({ code: expected });

describe("misuse", () => {
  test("2**20 operations at once: the last is ERR_OPERATION_LIMIT, and all others complete", async () => {
    const operationsMax = SLOT_COUNT_MAX - 1;
    await using io = createBackend({ driver: nullDriver(), operationsMax });
    let completed = 0;
    const count = () => {
      completed++;
    };
    const pending: Promise<void>[] = [];
    for (let index = 0; index < operationsMax; index++) pending.push(io.nop().then(count));
    await expect(io.nop()).rejects.toThrow(code("ERR_OPERATION_LIMIT"));
    await Promise.all(pending);
    expect(completed).toBe(operationsMax);
    await io.nop();
    expect(io.inspect().counters).toMatchObject({ submitted: operationsMax + 1, completed: operationsMax + 1 });
  });

  test("more operations than slots can be numbered are refused when the backend is made", () => {
    const driver = nullDriver();
    expect(() => createBackend({ driver, operationsMax: SLOT_COUNT_MAX })).toThrow(code("ERR_OUT_OF_RANGE"));
  });

  test("each has its own code", async () => {
    const { driver, clock, files } = createSimulation({ seed: 1 });
    files.write("/file", "0123456789");
    const io = createBackend({ driver, clock });
    const file = await io.openFile("/file", "r+");
    const buffer = io.buffers.take(8);
    const request = { opcode: "read", file, buffer, position: 0 } as const;
    const rejected = (promise: Promise<unknown>, expected: string) => expect(promise).rejects.toThrow(code(expected));

    const operation = io.submit(request);
    expect(() => io.submit(request)).toThrow(code("ERR_REQUEST_SUBMITTED_TWICE"));
    await rejected(file.read(buffer, { position: 0 }), "ERR_BUFFER_LENT");
    expect(() => buffer.bytes).toThrow(code("ERR_BUFFER_LENT"));
    expect(() => buffer.release()).toThrow(code("ERR_BUFFER_LENT"));
    await operation.done;
    for (const position of [-1, Number.NaN, 2 ** 53])
      await rejected(file.read(buffer, { position }), "ERR_OUT_OF_RANGE");
    await rejected(file.read(buffer, { length: 9 }), "ERR_OUT_OF_RANGE");
    await rejected(file.read(buffer, { signal: AbortSignal.abort() }), "ABORT_ERR");
    await rejected(io.openFile("/fi\0le"), "ERR_INVALID_PATH");
    expect(() => io.buffers.adopt(new SharedArrayBuffer(8) as never)).toThrow(code("ERR_BUFFER_SHARED"));
    expect(() => io.buffers.adopt(new ArrayBuffer(8, { maxByteLength: 16 } as never))).toThrow(
      code("ERR_BUFFER_RESIZABLE"),
    );
    buffer.release();
    expect(() => buffer.release()).toThrow(code("ERR_BUFFER_RELEASED_TWICE"));
    await rejected(file.read(buffer, { position: 0 }), "ERR_BUFFER_RELEASED");
    await file.close();
    await rejected(file.close(), "ERR_RESOURCE_CLOSED_TWICE");
    await rejected(file.stat(), "ERR_RESOURCE_CLOSED");
    await io.close();
    await rejected(io.openFile("/file"), "ERR_BACKEND_CLOSED");
    await rejected(io.close(), "ERR_RESOURCE_CLOSED_TWICE");
  });
});
