/**
 * Detection under filters that kill: the program lives wherever the runtime lives, whichever call the filter kills for,
 * and whatever argument it looks at. The other runtimes: `npm run test:runtimes`.
 */
import { join } from "node:path";
import { describe, expect, type TestContext, test } from "vitest";
import { needsIoUring } from "./baseline.js";
import { launch } from "./launch.js";
import { root } from "./runc.js";

const PROGRAM = join(root, "packages/detect/test/seccomp/asking-program.mjs");
const PLAIN = join(root, "packages/detect/test/seccomp/plain-program.mjs");
/** Numbers that `io_uring_register` has, and a few to come. */
const OPERATIONS = 36;

/** What the program prints under a filter. */
async function ask(
  context: TestContext,
  action: string,
  calls: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await launch(context, action, calls, [process.execPath, PROGRAM], env);
  expect(code, stderr).toBe(0);
  return stdout.trim();
}

describe("a program under a filter that looks at calls", () => {
  for (const call of ["setup", "enter", "register"]) {
    for (const action of ["KILL_PROCESS", "KILL_THREAD", "TRAP"]) {
      test(`lives on with epoll when it does ${action} to ${call}`, async (context) => {
        await needsIoUring(context);
        const plain = await launch(context, action, call, [process.execPath, PLAIN]);
        if (plain.code !== 0) return context.skip("this runtime makes the call itself, and does not live");
        expect(await ask(context, action, call)).toBe("epoll SECCOMP_KILL");
      });
    }

    test(`lives on with epoll when it does TRACE to ${call}, and nobody traces`, async (context) => {
      await needsIoUring(context);
      const plain = await launch(context, "TRACE", call, [process.execPath, PLAIN]);
      if (plain.code !== 0) return context.skip("this runtime makes the call itself, and does not live");
      expect(await ask(context, "TRACE", call)).toMatch(/^epoll SECCOMP_(ERRNO|PARTIAL)$/);
    });
  }
});

describe("a program under a filter that looks at arguments", () => {
  // What the driver registers is not all that there is: with the others it is used.
  test("lives on, whichever operation of io_uring_register is fatal", { timeout: 120_000 }, async (context) => {
    await needsIoUring(context);
    const chosen: string[] = [];
    for (let operation = 0; operation < OPERATIONS; operation++) {
      chosen.push(await ask(context, "KILL_PROCESS", `register=${operation}`));
    }
    expect(new Set(chosen)).toEqual(new Set(["epoll SECCOMP_KILL", "uring OK"]));
  });

  test("lives on, whichever size of a ring is fatal", async (context) => {
    await needsIoUring(context);
    for (const entries of [0, 8, 256, 1023]) {
      expect(await ask(context, "KILL_PROCESS", `setup>${entries}`)).toBe("epoll SECCOMP_KILL");
    }
  });

  test("lives on, whichever flag of io_uring_enter is fatal", async (context) => {
    await needsIoUring(context);
    for (const flag of [1, 2, 8, 16]) {
      expect(await ask(context, "KILL_PROCESS", `enter&${flag}`)).toBe("epoll SECCOMP_KILL");
    }
  });

  test("is told when a flag of io_uring_enter is refused with an error", async (context) => {
    await needsIoUring(context);
    expect(await ask(context, "EPERM", "enter&8")).toBe("epoll SECCOMP_PARTIAL");
  });

  test("uses io_uring when what is refused is a registration that the driver goes without", async (context) => {
    await needsIoUring(context);
    for (const operation of [11, 12, 15, 19, 20, 22]) {
      expect(await ask(context, "EPERM", `register=${operation}`), `operation ${operation}`).toBe("uring OK");
    }
  });
});

describe("a program that may make no process", () => {
  test("leaves io_uring alone, and says why", async (context) => {
    await needsIoUring(context);
    expect(await ask(context, "EPERM", "clone")).toBe("epoll PROBE_UNSAFE");
  });

  test("is told of a limit on processes", async (context) => {
    await needsIoUring(context);
    expect(await ask(context, "11", "clone")).toBe("epoll PIDS");
  });

  test("lives on with BATON_PROBE=off when a new process is fatal", async (context) => {
    await needsIoUring(context);
    expect(await ask(context, "KILL_PROCESS", "clone,all", { BATON_PROBE: "off" })).toBe("epoll PROBE_OFF");
  });
});

describe("the child that asks", () => {
  /** Detects, and prints what it has seen of a child then. */
  const script = (before: string, after: string) => `
    import { detect } from "@baton-io/detect";
    ${before}
    const { report } = await detect();
    ${after}
    console.log(report.drivers[0].cause, seen);`;

  async function run(context: TestContext, before: string, after = ""): Promise<string> {
    await needsIoUring(context);
    const command = [process.execPath, "--input-type=module", "--eval", script(before, after)];
    const { stdout, stderr } = await launch(context, "TRAP", "register", command, { BATON_LOG: "silent" });
    return stdout === "" ? stderr : stdout.trim();
  }

  test("is not heard of by the program: no SIGCHLD, and no child is left", async (context) => {
    const before = `let seen = 0; process.on("SIGCHLD", () => seen++);`;
    const after = `
      await new Promise((resolve) => setTimeout(resolve, 20));
      const { readFileSync } = await import("node:fs");
      if (readFileSync("/proc/self/task/" + process.pid + "/children", "utf8") !== "") seen = "a child is left";`;
    expect(await run(context, before, after)).toBe("SECCOMP_KILL 0");
  });

  test("dies of a trap although the program has a handler for SIGSYS", async (context) => {
    const before = `let seen = 0; process.on("SIGSYS", () => seen++);`;
    expect(await run(context, before, "await new Promise((resolve) => setTimeout(resolve, 20));")).toBe(
      "SECCOMP_KILL 0",
    );
  });

  test("asks for a thread under the filter of that thread, in a worker too", async (context) => {
    const before = `
      import { Worker } from "node:worker_threads";
      const seen = await new Promise((resolve, reject) => {
        const code = 'import("@baton-io/detect").then(({ detect }) => detect())' +
          '.then(({ report }) => import("node:worker_threads")' +
          '.then(({ parentPort }) => parentPort.postMessage(report.drivers[0].cause)))';
        new Worker(code, { eval: true }).on("message", resolve).on("error", reject);
      });`;
    expect(await run(context, before)).toBe("SECCOMP_KILL SECCOMP_KILL");
  });
});
