import { describe, expect, test } from "vitest";
import { candidates, type DriverName } from "../src/candidates.js";
import { chooseDriver, type Wish } from "../src/policy.js";
import { type DriverReport, driverReport } from "../src/report.js";
import { abilities } from "./fake-host.js";

type Findings = Readonly<Record<DriverName, "OK" | "NOT_INSTALLED" | "WRONG_PLATFORM">>;

function rows(findings: Findings): DriverReport[] {
  return candidates.map((candidate) => {
    const cause = findings[candidate.name];
    return driverReport(
      candidate,
      cause === "OK"
        ? { available: true, capabilities: abilities(), evidence: [] }
        : { available: false, cause, summary: "", evidence: [] },
    );
  });
}

const anything: Wish = { prefer: [], require: [], forced: undefined, allowFallback: true };

describe("the choice among drivers", () => {
  test("the best one that runs is expected and chosen", () => {
    const choice = chooseDriver(rows({ uring: "OK", epoll: "OK", libuv: "OK" }), anything);
    expect(choice).toMatchObject({ chosen: "uring", expected: "uring", choice: "EXPECTED", forcedBy: null });
  });

  test("the next one runs when the expected one cannot, and the reason names the cause", () => {
    const choice = chooseDriver(rows({ uring: "NOT_INSTALLED", epoll: "OK", libuv: "OK" }), anything);
    expect(choice).toMatchObject({ chosen: "epoll", expected: "uring", choice: "FALLBACK" });
    expect(choice.reason).toContain("NOT_INSTALLED");
  });

  test("a driver that is not made for the system is not expected, so its absence is no fallback", () => {
    const choice = chooseDriver(rows({ uring: "WRONG_PLATFORM", epoll: "WRONG_PLATFORM", libuv: "OK" }), anything);
    expect(choice).toMatchObject({ chosen: "libuv", expected: "libuv", choice: "EXPECTED" });
  });

  test("… unless the caller asked for it by name", () => {
    const wish: Wish = { ...anything, prefer: ["uring"] };
    const choice = chooseDriver(rows({ uring: "WRONG_PLATFORM", epoll: "WRONG_PLATFORM", libuv: "OK" }), wish);
    expect(choice).toMatchObject({ chosen: "libuv", expected: "uring", choice: "FALLBACK" });
  });

  test("preferred drivers go before the others, which keep their order", () => {
    const wish: Wish = { ...anything, prefer: ["libuv"] };
    expect(chooseDriver(rows({ uring: "OK", epoll: "OK", libuv: "OK" }), wish).chosen).toBe("libuv");
    expect(chooseDriver(rows({ uring: "OK", epoll: "OK", libuv: "NOT_INSTALLED" }), wish)).toMatchObject({
      chosen: "uring",
      choice: "FALLBACK",
    });
  });

  test("a forced driver is used although a better one runs", () => {
    const wish: Wish = { ...anything, forced: { name: "libuv", by: "BATON_DRIVER" } };
    expect(chooseDriver(rows({ uring: "OK", epoll: "OK", libuv: "OK" }), wish)).toMatchObject({
      chosen: "libuv",
      expected: "libuv",
      choice: "FORCED",
      forcedBy: "BATON_DRIVER",
    });
  });

  test("a forced driver that cannot run is never replaced", () => {
    const wish: Wish = { ...anything, forced: { name: "uring", by: "BATON_DRIVER" } };
    expect(chooseDriver(rows({ uring: "NOT_INSTALLED", epoll: "OK", libuv: "OK" }), wish)).toMatchObject({
      chosen: null,
      expected: "uring",
      choice: "NONE",
    });
  });

  test("without fallback the expected driver must run", () => {
    const wish: Wish = { ...anything, allowFallback: false };
    expect(chooseDriver(rows({ uring: "NOT_INSTALLED", epoll: "OK", libuv: "OK" }), wish).chosen).toBeNull();
    expect(chooseDriver(rows({ uring: "OK", epoll: "OK", libuv: "OK" }), wish).chosen).toBe("uring");
  });

  test("none is chosen when none can run", () => {
    const none = rows({ uring: "NOT_INSTALLED", epoll: "NOT_INSTALLED", libuv: "NOT_INSTALLED" });
    expect(chooseDriver(none, anything)).toMatchObject({ chosen: null, choice: "NONE" });
  });
});
