import { descriptorCount, nodeSubject } from "@baton-io/core/testing";
import { uringDriver } from "@baton-io/driver-uring";
import { afterAll } from "vitest";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

const countDescriptors = await descriptorCount();
const subject = nodeSubject("uring", uringDriver, countDescriptors && { countDescriptors });

testConformance("uring", subject);

afterAll(() => subject.cleanUp());
