import { epollDriver } from "@baton-io/driver-epoll";
import { uringDriver } from "@baton-io/driver-uring";
import { describe, expect, test, vi } from "vitest";
import { createBackend } from "../src/index.js";
import { checkPlacement, hugePageSource } from "../src/spi/placement.js";

/** A system with these files. */
const system = (files: Readonly<Record<string, string>>) => ({
  exists: (path: string) => Object.keys(files).some((name) => name === path || name.startsWith(`${path}/`)),
  read: (path: string) => {
    const content = files[path];
    if (content === undefined) throw new Error("ENOENT");
    return content;
  },
  warn: vi.fn(),
});

const reserved = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";
const transparent = "/sys/kernel/mm/transparent_hugepage/enabled";
const refused = expect.objectContaining({ code: "ERR_INVALID_ARG_VALUE" });

describe("the NUMA node", () => {
  const check = (numaNode: number, files: Readonly<Record<string, string>>) => () =>
    checkPlacement("driver", { numaNode, hugePages: false }, system(files));

  test("it must be one that the machine has; a machine that names none is node 0", () => {
    const two = { "/sys/devices/system/node/node0/cpulist": "0", "/sys/devices/system/node/node1/cpulist": "1" };
    for (const node of [-1, 0, 1]) expect(check(node, two)).not.toThrow();
    expect(check(2, two)).toThrow(refused);
    expect(check(0, {})).not.toThrow();
    expect(check(1, {})).toThrow(refused);
  });

  // mutant: placement-checked-by-nobody
  test.each([
    ["uring", uringDriver],
    ["epoll", epollDriver],
  ])("the driver %s refuses one that is not there when the backend opens", (_name, driver) => {
    expect(() => createBackend({ driver: driver({ numaNode: 999 }) })).toThrow(refused);
  });
});

describe("huge pages", () => {
  test("reserved ones are used first, then transparent ones", () => {
    const source = (files: Readonly<Record<string, string>>) => hugePageSource(system(files));
    expect(source({ [reserved]: "12\n", [transparent]: "always madvise [never]\n" })).toBe("reserved");
    expect(source({ [reserved]: "0\n", [transparent]: "always [madvise] never\n" })).toBe("transparent");
    expect(source({ [transparent]: "[always] madvise never\n" })).toBe("transparent");
  });

  test("where there are none it is said, and ordinary pages are used", () => {
    const warnings = (files: Readonly<Record<string, string>>) => {
      const { warn, ...rest } = system(files);
      checkPlacement("driver", { numaNode: -1, hugePages: true }, { ...rest, warn });
      return warn.mock.calls;
    };
    expect(warnings({ [transparent]: "[always] madvise never\n" })).toEqual([]);
    for (const files of [{ [reserved]: "0\n", [transparent]: "always madvise [never]\n" }, {}]) {
      expect(warnings(files)).toEqual([[expect.any(String), { type: "BatonWarning", code: "BATON_NO_HUGE_PAGES" }]]);
    }
  });
});
