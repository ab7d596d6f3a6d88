import { uringDriver } from "@baton-io/driver-uring";
import { afterAll } from "vitest";
import { descriptorCount, nodeSubject } from "../../../tests/conformance/node-subject.js";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

const countDescriptors = await descriptorCount();
const subject = nodeSubject("uring", uringDriver, countDescriptors && { countDescriptors });

testConformance("uring", subject);

afterAll(() => subject.cleanUp());
