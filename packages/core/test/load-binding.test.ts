import { describe, expect, test } from "vitest";
import { type BindingResult, bindingLoader, loadBinding, nativeBinding } from "../src/spi/load-binding.js";

const INSTALLED = "file:///app/node_modules/@baton-io/driver-x/dist/index.js";
const CLONE = "file:///src/baton/packages/driver-x/dist/index.js";

/** What is found when loading throws. */
function failWith(error: unknown, from = INSTALLED) {
  const found = loadBinding({
    ...{ driver: "x", package: "@baton-io/driver-x", from, paths: ["../prebuilds/x.node"] },
    load: () => {
      throw error;
    },
  });
  if ("binding" in found) throw new Error("nothing was loaded");
  return found.unavailable;
}

const withCode = (code: string, message: string) => Object.assign(new Error(message), { code });

// mutant: failed-addon-is-remembered
test("an addon that could not be loaded is tried again, one that was loaded is not", () => {
  const unavailable = failWith(withCode("ERR_DLOPEN_FAILED", "Too many open files"));
  const answers: BindingResult<string>[] = [{ unavailable }, { binding: "addon", path: "a" }, { unavailable }];
  const load = bindingLoader(() => answers.shift()!);
  expect(unavailable.cause).toBe("NOFILE");
  expect([load(), load(), load()]).toEqual([
    { unavailable },
    { binding: "addon", path: "a" },
    { binding: "addon", path: "a" },
  ]);
});

describe("an addon", () => {
  test("is loaded from the first path where there is one", () => {
    const load = (path: string) => {
      if (path === "a") throw withCode("MODULE_NOT_FOUND", "Cannot find module 'a'");
      return { loaded: path };
    };
    const found = loadBinding({ driver: "x", package: "@baton-io/driver-x", from: CLONE, paths: ["a", "b"], load });
    expect(found).toEqual({ binding: { loaded: "b" }, path: "b" });
  });

  // mutant: installed-addon-told-to-build
  test("that is missing or cannot be loaded is installed again, and built in a clone alone", () => {
    for (const error of [
      withCode("MODULE_NOT_FOUND", "Cannot find module '../prebuilds/x.node'"),
      withCode("ERR_DLOPEN_FAILED", "/lib/libc.so.6: version `GLIBC_2.38' not found"),
    ]) {
      expect(failWith(error).remedy?.command).toBe("npm install --force @baton-io/driver-x");
      expect(failWith(error, CLONE).remedy?.command).toBe("npm run build");
    }
  });

  test.each([
    ["NOT_BUILT", withCode("MODULE_NOT_FOUND", "Cannot find module '../prebuilds/x.node'")],
    ["NOT_LOADABLE", withCode("ERR_DLOPEN_FAILED", "x.node: file too short")],
    [
      "RUNTIME_PERMISSION",
      withCode("ERR_DLOPEN_DISABLED", "Cannot load native addon because loading addons is disabled."),
    ],
    ["RUNTIME_PERMISSION", new Error('Requires ffi access to "/x.node", run again with the --allow-ffi flag')],
    ["RUNTIME_PERMISSION", withCode("ERR_ACCESS_DENIED", "Access to this API has been restricted.")],
    ["NOFILE", withCode("ERR_DLOPEN_FAILED", "x.node: cannot open shared object file: Too many open files")],
    ["NOT_LOADABLE", "a string"],
  ])("that cannot be had is %s", (cause, error) => {
    const unavailable = failWith(error);
    expect(unavailable).toMatchObject({ available: false, cause });
    expect(unavailable.remedy?.text).not.toBe("");
  });
});

describe("a native driver's addon", () => {
  /** What was loaded from where, with these variables. */
  const pathWith = (env: Readonly<Record<string, string>>) => {
    const load = nativeBinding<string>({
      ...{ driver: "x", package: "@baton-io/driver-x", file: "driver-x.node", variable: "X_BINARY", from: CLONE },
      process: { env, platform: "linux", arch: "arm64" },
      load: (path) => path,
    });
    return load();
  };

  test("is the file of its package for this machine", () => {
    const path = "../prebuilds/linux-arm64/driver-x.node";
    expect(pathWith({})).toEqual({ binding: path, path });
  });

  // mutant: named-addon-ignored
  test("is another file where a variable names one", () => {
    expect(pathWith({ X_BINARY: "/x.node", Y_BINARY: "/y.node" })).toEqual({ binding: "/x.node", path: "/x.node" });
  });
});
