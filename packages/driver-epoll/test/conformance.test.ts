import { descriptorCount, nodeSubject } from "@baton-io/core/testing";
import { epollDriver } from "@baton-io/driver-epoll";
import { afterAll } from "vitest";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

const countDescriptors = await descriptorCount();
const subject = nodeSubject("epoll", epollDriver, countDescriptors && { countDescriptors });

testConformance("epoll", subject);

afterAll(() => subject.cleanUp());
