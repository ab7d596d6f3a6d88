/** For whoever writes a driver: what core and drivers agree on, and helpers. Programs need nothing of it. */
export { type Environment, readableEnvironment } from "./base/environment.js";
export { BAD_RECORD, describeErrno, ERRNO, type ErrnoCode, errnoFromCode } from "./base/errno.js";
export { batonError, type ErrorDetails, systemError } from "./base/errors.js";
export { Fifo } from "./base/fifo.js";
export { checkBoolean, checkInteger, checkOptions, describe as describeValue } from "./base/validate.js";
export { ChunkQueue } from "./memory/chunk-queue.js";
export {
  formatAddress,
  parseAddress,
  readAddress,
  readAnyAddress,
  readUnixAddress,
  type SocketAddress,
  UNIX_PATH_BYTES_MAX,
  type UnixAddress,
  writeAddress,
} from "./spi/address.js";
export {
  type Capabilities,
  defineCapabilities,
  emulated,
  type FeatureName,
  featureNames,
  featureTable,
  native,
  type Support,
  unsupported,
} from "./spi/capability.js";
export {
  type Available,
  allocateSharedMemory,
  type Driver,
  type DriverCloseReport,
  type DriverHost,
  type DriverLimits,
  type DriverMemory,
  type DriverProbe,
  type DriverSession,
  type Evidence,
  PROVIDED_MAX,
  type Remedy,
  type SharedMemory,
  type Shortfall,
  type Slab,
  type Unavailable,
} from "./spi/driver.js";
export { createHeapMemory, type HeapMemory, moveArrayBuffer } from "./spi/heap-memory.js";
export { type InterfaceIndex, linuxInterfaceIndex } from "./spi/interface-index.js";
export { type BindingResult, isInstalled, type NativeBindingParts, nativeBinding } from "./spi/load-binding.js";
export {
  type NativeBinding,
  type NativeDriverParts,
  type NativeOpening,
  type NativeSystem,
  nativeDriver,
} from "./spi/native-driver.js";
export {
  type CheckedNativeOptions,
  type NativeDriverOptions,
  nativeOptionNames,
  readNativeOptions,
} from "./spi/native-options.js";
export { type NativeSession, type RuntimeName, runtimeName } from "./spi/native-session.js";
export {
  OPCODE,
  type Opcode,
  type OpcodeDefinition,
  type OpcodeName,
  opcodeDefinition,
  opcodeNames,
  opcodeTable,
} from "./spi/opcode.js";
export { linuxOpenConstants, type OpenConstants, type OpenFlags, type OpenFlagText } from "./spi/open-flags.js";
export * from "./spi/record.js";
export { type BufferLengths, type ProvidedBuffer, RecordCheck } from "./spi/record-check.js";
export { readWide, writeWide } from "./spi/wide.js";
