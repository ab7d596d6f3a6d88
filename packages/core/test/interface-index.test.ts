import { describe, expect, it } from "vitest";
import { linuxInterfaceIndex } from "../src/spi/interface-index.js";

describe("the number of an interface", () => {
  const read: string[] = [];
  const indexOf = linuxInterfaceIndex((path) => {
    read.push(path);
    if (path === "/sys/class/net/eth0/ifindex") return "12\n";
    if (path === "/sys/class/net/odd/ifindex") return "odd\n";
    throw new Error("ENOENT");
  });

  // mutant: interface-names-unknown
  it("finds an interface by its name", () => {
    expect(indexOf("eth0")).toBe(12);
  });

  it("knows none that is not there, or whose file says something else", () => {
    expect(indexOf("eth1")).toBeUndefined();
    expect(indexOf("odd")).toBeUndefined();
  });

  it("looks for nothing that cannot be a name", () => {
    read.length = 0;
    for (const name of ["", ".", "..", "../eth0", "a b", "longer-than-16-bytes"]) expect(indexOf(name)).toBeUndefined();
    expect(read).toEqual([]);
  });
});
