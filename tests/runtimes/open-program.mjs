// @ts-check
/** Opens what detection chooses, and prints the driver and the cause that was found for uring. */
import { createBackend } from "@baton-io/core";
import { detect } from "@baton-io/detect";

const driver = await detect();
const io = createBackend({ driver });
await io.sleep(1);
await io.close();
console.log(io.driver, driver.report.drivers[0]?.cause);
