import { constants } from "node:fs";
import { describe, expect, test } from "vitest";
import { OPEN_FLAG } from "../src/driver.js";
import { linuxOpenConstants, parseOpenFlags } from "../src/spi/open-flags.js";

describe("open flags as numbers", () => {
  const system = linuxOpenConstants({ ...constants });
  const parse = (flags: number) => parseOpenFlags("open", flags, system);
  const names = ["create", "exclusive", "truncate", "append", "direct", "dataSync", "sync"] as const;
  const more = ["nonBlock", "noFollow", "directory", "temporary", "pathOnly", "noAccessTime"] as const;

  test.each([
    ["O_CREAT", OPEN_FLAG.create],
    ["O_EXCL", OPEN_FLAG.exclusive],
    ["O_TRUNC", OPEN_FLAG.truncate],
    ["O_APPEND", OPEN_FLAG.append],
    ["O_DIRECT", OPEN_FLAG.direct],
    ["O_SYNC", OPEN_FLAG.sync],
    ["O_DSYNC", OPEN_FLAG.dataSync],
    ["O_NONBLOCK", OPEN_FLAG.nonBlock],
    ["O_NOFOLLOW", OPEN_FLAG.noFollow],
    ["O_DIRECTORY", OPEN_FLAG.directory],
    ["O_TMPFILE", OPEN_FLAG.temporary],
    ["O_PATH", OPEN_FLAG.pathOnly],
    ["O_NOATIME", OPEN_FLAG.noAccessTime],
    ["O_NOCTTY", 0],
  ])("%s is its bit", (name, bit) => {
    expect(parse(constants.O_RDWR | system[name]!)).toBe(OPEN_FLAG.read | OPEN_FLAG.write | bit);
  });

  test("several are all of their bits", () => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    expect(parse(flags)).toBe(OPEN_FLAG.write | OPEN_FLAG.create | OPEN_FLAG.exclusive | OPEN_FLAG.noFollow);
  });

  test("all of them are known", () => {
    const bits = [...names, ...more].map((name) => OPEN_FLAG[name]);
    expect(new Set(bits).size + 2).toBe(Object.keys(OPEN_FLAG).length);
  });

  test("without the system's values no number means anything", () => {
    expect(() => parseOpenFlags("open", 0, undefined)).toThrow(expect.objectContaining({ code: "ERR_UNSUPPORTED" }));
  });
});
