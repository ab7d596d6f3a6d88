import { descriptorCount, nodeSubject } from "@baton-io/core/testing";
import { libuvDriver } from "@baton-io/driver-libuv";
import { afterAll } from "vitest";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

const countDescriptors = await descriptorCount();
const subject = nodeSubject("libuv", libuvDriver, countDescriptors && { countDescriptors });

testConformance("libuv", subject);

afterAll(() => subject.cleanUp());
