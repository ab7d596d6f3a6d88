/** Runs the kit without a test runner, over a driver that leaves a rejection behind when it is made for the third time. */
import { nullDriver, runConformance } from "@baton-io/core/testing";
import { say } from "../../life/programs/drivers.js";

let made = 0;
const errors: string[] = [];
const { passed, failed } = await runConformance(
  {
    name: "null",
    createDriver: () => {
      made++;
      if (made === 3) void Promise.reject(new Error("left behind"));
      return nullDriver();
    },
    scratchPath: (name) => `/nowhere/${name}`,
  },
  { onResult: ({ error }) => void (error instanceof Error && errors.push(error.message)) },
);
say({ passed, failed, errors });
