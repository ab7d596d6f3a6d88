/** All specimens, in the order of the reports. */
import { datagramSpecimens } from "./datagram-specimens.js";
import { backendSpecimens, fileSpecimens } from "./file-specimens.js";
import { pathSpecimens } from "./path-specimens.js";
import { socketSpecimens } from "./socket-specimens.js";
import type { Specimen } from "./specimen.js";

export const specimens: readonly Specimen[] = [
  ...backendSpecimens,
  ...fileSpecimens,
  ...pathSpecimens,
  ...socketSpecimens,
  ...datagramSpecimens,
];
