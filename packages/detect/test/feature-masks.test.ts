/** Older kernels, made of this one by leaving features unused: the report says what then runs, and not more. */
import { type Capabilities, createBackend, type FeatureName, type OpcodeName } from "@baton-io/core";
import { type UringFeature, uringDriver, uringFeatures } from "@baton-io/driver-uring";
import { afterEach, describe, expect, type TestContext, test, vi } from "vitest";
import { detectOn } from "../src/detect.js";
import { processHost } from "../src/host.js";
import { detect, formatReport } from "../src/index.js";
import { driverRow } from "../src/report.js";
import { runCli } from "./run-cli.js";

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What each mask takes out of the matrix; a driver's inner workings are not in it. */
const effects: { readonly [Feature in UringFeature]?: readonly (FeatureName | OpcodeName)[] } = {
  "multishot-accept": ["multishotAccept"],
  "multishot-receive": ["multishotReceive"],
  "buffer-ring": ["providedBuffer", "multishotReceive"],
  ftruncate: ["truncate"],
  links: ["links"],
  "link-timeout": ["linkTimeout"],
  paths: ["unlink", "rename", "mkdir", "hardlink", "symlink"],
};

function kindOf(capabilities: Capabilities, ability: FeatureName | OpcodeName): string {
  const all: Readonly<Record<string, { readonly kind: string }>> = {
    ...capabilities.operations,
    ...capabilities.features,
  };
  return all[ability]?.kind ?? "missing";
}

function needUring(context: TestContext): Capabilities {
  if (process.platform !== "linux") return context.skip("io_uring is of Linux");
  const probe = uringDriver().probe();
  if (!probe.available) return context.skip(`uring does not run here: ${probe.cause}`);
  return probe.capabilities;
}

describe("with features left unused", () => {
  for (const mask of [...uringFeatures, "all"] as const) {
    test(`${mask}: the report's matrix is the backend's own, and lacks what was taken away`, async (context) => {
      const whole = needUring(context);
      vi.stubEnv("BATON_DRIVER", "uring");
      vi.stubEnv("BATON_URING_DISABLE", mask);
      const driver = await detect();
      const row = driverRow(driver.report, "uring");
      await using io = createBackend({ driver });
      expect(row.capabilities).toEqual(io.capabilities);
      const taken = mask === "all" ? Object.values(effects).flat() : (effects[mask] ?? []);
      for (const ability of taken) {
        if (kindOf(whole, ability) !== "native") continue;
        expect(kindOf(io.capabilities, ability), ability).not.toBe("native");
      }
    });
  }

  test("all: what the text says of an operation is what the backend does", async (context) => {
    needUring(context);
    vi.stubEnv("BATON_DRIVER", "uring");
    vi.stubEnv("BATON_URING_DISABLE", "all");
    const driver = await detect();
    const text = formatReport(driver.report, { explain: true });
    expect(text).toMatch(/ {2}truncate\n {4}uring {3}emulated: ftruncate\(2\)/);
    await using io = createBackend({ driver });
    await io.nop();
    expect(io.driver).toBe("uring");
  });

  test("all: what is required then and cannot be had makes it another driver's turn", async (context) => {
    const whole = needUring(context);
    if (kindOf(whole, "linkTimeout") !== "native") context.skip("this kernel lacks link timeouts anyway");
    vi.stubEnv("BATON_URING_DISABLE", "all");
    const host = { ...processHost(), writeLine: () => undefined };
    const { report } = await detectOn(host, { require: ["linkTimeout"] }).catch((error: { cause: never }) => ({
      report: error.cause as Awaited<ReturnType<typeof detect>>["report"],
    }));
    expect(driverRow(report, "uring")).toMatchObject({ available: false, cause: "LACKS_ABILITY" });
    expect(report.chosen).not.toBe("uring");
  });

  test("a misspelt one is OPTIONS_REFUSED with the names there are, and another driver is used", async (context) => {
    needUring(context);
    vi.stubEnv("BATON_URING_DISABLE", "teleport");
    const host = { ...processHost(), writeLine: () => undefined };
    const { report } = await detectOn(host, {});
    expect(report.choice).toBe("FALLBACK");
    expect(driverRow(report, "uring")).toMatchObject({ cause: "OPTIONS_REFUSED" });
    expect(driverRow(report, "uring").summary).toMatch(/no feature "teleport"; there are: .*buffer-ring/);
  });

  test("the command says the same", async (context) => {
    needUring(context);
    const env = { BATON_URING_DISABLE: "ftruncate,multishot", BATON_DRIVER: "uring" };
    const { code, stdout } = await runCli(["doctor", "--explain"], { env });
    expect(code).toBe(0);
    const cell = (ability: string) => stdout.split("\n").find((line) => line.startsWith(`│ ${ability} `)) ?? "";
    expect(cell("truncate").split("│")[2]).toContain("emulated");
    expect(cell("multishotAccept").split("│")[2]).toContain("unsupported");
  });
});
