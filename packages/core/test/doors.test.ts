/** The doors of core: what is behind each, and nothing behind two of them. */
import * as driver from "@baton-io/core/driver";
import * as testing from "@baton-io/core/testing";
import { expect, test } from "vitest";
import * as core from "../src/index.js";

test("programs get these names, and no others", () => {
  expect(Object.keys(core).sort()).toEqual([
    "Backend",
    "BatonError",
    "BufferPool",
    "File",
    "Operation",
    "OwnedBuffer",
    "POOL_SIZES",
    "StreamListener",
    "StreamSocket",
    "TcpListener",
    "TcpStream",
    "Timer",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "createBackend",
    "errorTable",
    "isSupported",
    "release",
    "systemClock",
  ]);
});

test("no value goes through two doors", () => {
  const names = [core, driver, testing].flatMap((door) => Object.keys(door));
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  expect(Object.keys(driver)).toEqual(expect.arrayContaining(["ERRNO", "OPCODE", "WORD", "nativeDriver"]));
});
