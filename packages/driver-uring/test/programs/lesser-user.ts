/** A driver is made by root and opened by somebody else: what is declared before and after. */
import { createBackend } from "@baton-io/core";
import { uringDriver } from "@baton-io/driver-uring";

/** Nobody, on all systems that have such a user. */
const LESSER_USER = 65_534;

const driver = uringDriver();
const probe = driver.probe();
process.setuid!(LESSER_USER);
const io = createBackend({ driver });
const probed = probe.available ? probe.capabilities.features.registeredBuffers.kind : probe.cause;
process.stdout.write(`${JSON.stringify({ probed, opened: io.capabilities.features.registeredBuffers.kind })}\n`);
await io.close();
