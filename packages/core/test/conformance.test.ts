/** The kit over the driver that can do next to nothing: nearly every case is a negative one. */
import { nullDriver } from "@baton-io/core/testing";
import { testConformance } from "../../../tests/conformance/test-conformance.js";

testConformance("null", {
  name: "null",
  createDriver: nullDriver,
  scratchPath: (name) => `/nowhere/${name}`,
});
