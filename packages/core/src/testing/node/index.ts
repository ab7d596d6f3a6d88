export { collectGarbage } from "./collect-garbage.js";
export { makeFifos, type NodeSubject, nodeSubject } from "./node-subject.js";
export { descriptorCount } from "./own-descriptors.js";
export { hasVastMemory } from "./vast-memory.js";
