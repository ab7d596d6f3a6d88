/** The kit once more with everything on that is off by default. */

import { descriptorCount, nodeSubject } from "@baton-io/core/testing";
import { uringDriver } from "@baton-io/driver-uring";
import { afterAll } from "vitest";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

const countDescriptors = await descriptorCount();
const everything = () =>
  uringDriver({ zeroCopySendMinBytes: 1, registeredBuffers: true, hugePages: true, numaNode: 0, deferTaskrun: true });
const subject = nodeSubject("uring", everything, countDescriptors && { countDescriptors });

testConformance("uring-options", subject, { takesTurns: true });

afterAll(() => subject.cleanUp());
