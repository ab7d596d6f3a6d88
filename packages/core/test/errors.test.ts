import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { batonError, ERRNO, systemError } from "../src/driver.js";
import { BatonError, createBackend, errorTable } from "../src/index.js";
import { nullDriver } from "../src/testing/index.js";

describe("an error of Baton", () => {
  test("has its code, a message that ends with what to do, and is an Error", () => {
    for (const code of Object.keys(errorTable) as (keyof typeof errorTable)[]) {
      const error = batonError(code, "somewhere: something.");
      expect(error).toBeInstanceOf(Error);
      expect(error).toBeInstanceOf(BatonError);
      expect(error.code).toBe(code);
      expect(error.message).toBe(`somewhere: something. ${errorTable[code].remedy}`);
    }
  });

  test("is called as programs expect: AbortError, TimeoutError", () => {
    expect(batonError("ABORT_ERR", "x").name).toBe("AbortError");
    expect(batonError("ERR_TIMEOUT", "x").name).toBe("TimeoutError");
    expect(batonError("ERR_BUFFER_LENT", "x").name).toBe("BatonError");
  });

  test("has only the fields that apply", () => {
    expect(Object.keys(batonError("ERR_UNSUPPORTED", "x", { driver: "uring", path: undefined }))).toEqual([
      "code",
      "driver",
    ]);
    expect("errno" in batonError("ERR_UNSUPPORTED", "x")).toBe(false);
    expect("cause" in batonError("ABORT_ERR", "x")).toBe(false);
    expect(batonError("ABORT_ERR", "x", { cause: 0 }).cause).toBe(0);
  });

  test("carries a buffer without showing its bytes", async () => {
    await using io = createBackend({ driver: nullDriver() });
    using buffer = io.buffers.copyFrom("secret bytes");
    const error = batonError("ABORT_ERR", "x", { buffer });
    expect(error.buffer).toBe(buffer);
    expect(JSON.stringify(error)).not.toContain("buffer");
    expect(inspect(error)).not.toContain("115");
    expect(inspect(buffer)).not.toContain("115");
  });
});

describe("an error of the system", () => {
  test("reads like Node's own", () => {
    const error = systemError(-ERRNO.ENOENT, "open", { path: "/nowhere", driver: "libuv" });
    expect(error).toMatchObject({
      code: "ENOENT",
      errno: -2,
      syscall: "open",
      path: "/nowhere",
      driver: "libuv",
      name: "Error",
    });
    expect(error.message).toBe("ENOENT: no such file or directory, open '/nowhere'");
    expect(systemError(-ERRNO.EADDRINUSE, "listen", { address: "::1", port: 80 }).message).toContain(", listen ::1:80");
    expect(systemError(-ERRNO.EADDRINUSE, "listen", { address: "::1", port: 0 }).message).toMatch(/, listen ::1$/);
    expect(systemError(-ERRNO.EPIPE, "send").message).toMatch(/, send$/);
  });
});
