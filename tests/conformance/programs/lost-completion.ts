/** Runs a few cases of the kit over a driver that does not tell core of any completion. */
import { CONTROL } from "@baton-io/core/driver";
import { nullDriver, runConformance } from "@baton-io/core/testing";
import { say } from "../../life/programs/drivers.js";

const errors: string[] = [];
const { passed, failed } = await runConformance(
  {
    name: "null",
    createDriver: () => {
      const inner = nullDriver();
      const open: typeof inner.open = (host, limits) => {
        const session = inner.open(host, limits);
        const control = new Int32Array(session.shared.control);
        const submit: typeof session.submit = (count) => {
          const taken = session.submit(count);
          control[CONTROL.completionCount] = 0;
          return taken;
        };
        return { ...session, submit };
      };
      return { ...inner, open };
    },
    scratchPath: (name) => `/nowhere/${name}`,
    caseDeadlineMs: 300,
  },
  {
    select: ({ clause }) => clause === "batch" || clause === "pool",
    onResult: ({ error }) => void (error instanceof Error && errors.push(error.message)),
  },
);
say({ passed, failed, errors });
