/** The socket clauses over pairs of backends: one driver accepts, another connects. */

import { nodeSubject } from "@baton-io/core/testing";
import { afterAll } from "vitest";
import { findDrivers, isFound } from "./drivers.js";
import { fewOperations } from "./few-operations.js";
import { testConformance } from "./test-conformance.js";

/** Clauses whose cases talk over a connection between `io` and `far`. */
const overConnections =
  /^(tcp-stream|tcp-accept|tcp-connect|receive-provided|salvage|(while-open|cancel|abort|abandon|while-closing)\.(accept|connect|receive|receive-provided|send|shutdown|peer-address))\//;

const found = await findDrivers();
const drivers = found.filter(isFound);

// Said aloud, so that nobody takes a pair for tested that was not; drivers.test.ts decides whether it is a failure.
for (const driver of found) {
  if (!isFound(driver)) process.stdout.write(`mixed drivers: no pairs with ${driver.name}: ${driver.why}\n`);
}

for (const near of drivers) {
  for (const far of drivers) {
    const name = `${near.name}-${far.name}`;
    const options = fewOperations;
    const peer = nodeSubject(far.name, far.createDriver, { options });
    const subject = nodeSubject(near.name, near.createDriver, { peer, options });
    testConformance(name, subject, { select: ({ id }) => overConnections.test(id), takesTurns: true });
    afterAll(() => {
      subject.cleanUp();
      peer.cleanUp();
    });
  }
}
