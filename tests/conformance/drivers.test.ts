import { describe, expect, test } from "vitest";
import { expectedDrivers, findDriver, findDrivers, isFound, missingOf } from "./drivers.js";

const found = await findDrivers();

describe("the drivers of this machine", () => {
  test(`every expected driver is there (EXPECT_DRIVERS: ${expectedDrivers().join(", ")})`, () => {
    expect(missingOf(found, expectedDrivers())).toEqual([]);
  });

  test("an expected driver that is missing is reported with a reason", async () => {
    expect(missingOf(found, ["libuv", "kqueue"])).toEqual([
      { name: "kqueue", why: 'there is no driver called "kqueue"' },
    ]);
    expect(missingOf([{ name: "uring", why: "SECCOMP_ERRNO: blocked" }], ["uring"])).toEqual([
      { name: "uring", why: "SECCOMP_ERRNO: blocked" },
    ]);
    expect(isFound(await findDriver("kqueue"))).toBe(false);
  });

  test("EXPECT_DRIVERS is a list of names", () => {
    expect(expectedDrivers("uring, epoll,libuv")).toEqual(["uring", "epoll", "libuv"]);
    expect(expectedDrivers("")).toEqual([]);
  });
});
