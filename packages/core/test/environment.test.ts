import { describe, expect, test } from "vitest";
import { readableEnvironment } from "../src/driver.js";

describe("the environment", () => {
  // mutant: forbidden-variable-throws
  test("has the variables that may be read, and not those that may not", () => {
    const forbid = (): never => {
      throw new Error('Requires env access to "SECRET", run again with the --allow-env flag');
    };
    // As Deno's: a property's descriptor is forbidden as well as its value.
    const env = new Proxy<Record<string, string | undefined>>(
      { OPEN: "yes" },
      {
        get: (target, name) => (name === "SECRET" ? forbid() : Reflect.get(target, name)),
        getOwnPropertyDescriptor: (target, name) =>
          name === "SECRET" ? forbid() : Reflect.getOwnPropertyDescriptor(target, name),
        has: (target, name) => (name === "SECRET" ? forbid() : Reflect.has(target, name)),
      },
    );
    const readable = readableEnvironment(env);
    expect([readable["OPEN"], readable["SECRET"], readable["ABSENT"]]).toEqual(["yes", undefined, undefined]);
  });

  test("follows what is set later", () => {
    const env: Record<string, string | undefined> = {};
    const readable = readableEnvironment(env);
    env["LATER"] = "now";
    expect(readable["LATER"]).toBe("now");
  });
});
