export * from "./conformance/index.js";
export * from "./node/index.js";
export { nullDriver } from "./null-driver.js";
export * from "./sim/index.js";
