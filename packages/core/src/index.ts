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
} from "./address.js";
export { Backend, type CloseOptions, createBackend } from "./backend.js";
export type { CloseReport } from "./backend-closing.js";
export type { BackendOptions, Leak } from "./backend-options.js";
export { BufferPool, type BufferPoolStats, POOL_SIZES } from "./buffer-pool.js";
export {
  type Capabilities,
  defineCapabilities,
  emulated,
  type FeatureName,
  featureNames,
  featureTable,
  isSupported,
  native,
  type Support,
  unsupported,
} from "./capability.js";
export { ChunkQueue } from "./chunk-queue.js";
export { type Clock, systemClock } from "./clock.js";
export type { Counters } from "./counters.js";
export type { OperationOptions } from "./dispatcher.js";
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
} from "./driver.js";
export { type Environment, readableEnvironment } from "./environment.js";
export { describeErrno, ERRNO, type ErrnoCode, errnoFromCode } from "./errno.js";
export { BatonError, type BatonErrorCode, batonError, type ErrorDetails, errorTable, systemError } from "./errors.js";
export { Fifo } from "./fifo.js";
export { createHeapMemory, type HeapMemory, moveArrayBuffer } from "./heap-memory.js";
export type { BufferInfo, Inspection, OperationInfo, ResourceInfo } from "./inspector.js";
export { type InterfaceIndex, linuxInterfaceIndex } from "./interface-index.js";
export { type BindingOptions, type BindingResult, bindingLoader, isInstalled, loadBinding } from "./load-binding.js";
export {
  createNativeSession,
  type NativeSession,
  type RuntimeName,
  runtimeName,
} from "./native-session.js";
export { OPCODE, type Opcode, type OpcodeDefinition, type OpcodeName, opcodeNames, opcodeTable } from "./opcode.js";
export { type CancelOutcome, Operation, type Outcome } from "./operation.js";
export {
  type BufferSlice,
  type BufferState,
  type Lendable,
  type LentBuffer,
  OwnedBuffer,
  type ReleasedBuffer,
  release,
  type Unreleased,
} from "./owned-buffer.js";
export { checkPlacement, type PlacementSystem } from "./placement.js";
export type { ReceiveStats } from "./provided-buffers.js";
export * from "./record.js";
export { type BufferLengths, type ProvidedBuffer, RecordCheck } from "./record-check.js";
export type { Checked, Request, ResultOf } from "./request.js";
export type { AcceptPaused } from "./resource/accept-pause.js";
export type { AdoptListenerOptions, AdoptOptions } from "./resource/adopt.js";
export type { BindUdpOptions } from "./resource/bind-udp.js";
export type { ConnectOptions, UnixConnectOptions } from "./resource/connect.js";
export type { NameOptions } from "./resource/connect-race.js";
export type { DatagramResult, DatagramSendOptions } from "./resource/datagram-operations.js";
export { type CloseFileOptions, File } from "./resource/file.js";
export type { ReadResult, StatOptions, WriteResult } from "./resource/file-operations.js";
export type { Advice, AdviseOptions, AllocateMode, AllocateOptions, FileRange } from "./resource/file-space.js";
export type { FileStat } from "./resource/file-stat.js";
export type { AllUnreleased, ReadVectorResult, VectorOptions, WriteVectorResult } from "./resource/file-vector.js";
export type { ListenOptions } from "./resource/listen.js";
export type { OpenOptions } from "./resource/open.js";
export { linuxOpenConstants, type OpenConstants, type OpenFlags, type OpenFlagText } from "./resource/open-flags.js";
export type { MakeDirectoryOptions, Path, RenameOptions } from "./resource/path-operations.js";
export type { PipeFromFileOptions, PipeResult, PipeToFileOptions } from "./resource/pipe-transfer.js";
export type { PollOptions, Readiness } from "./resource/readiness.js";
export { StreamListener } from "./resource/stream-listener.js";
export type { PickedResult, ReceiveResult, SendResult, ShutdownHow } from "./resource/stream-operations.js";
export type { ReceivedChunk } from "./resource/stream-reader.js";
export { StreamSocket } from "./resource/stream-socket.js";
export { TcpListener } from "./resource/tcp-listener.js";
export { TcpStream } from "./resource/tcp-stream.js";
export { Timer } from "./resource/timer.js";
export type { ClosedResource, PositionedOptions, TransferOptions } from "./resource/transfer.js";
export { UdpSocket } from "./resource/udp-socket.js";
export { UnixListener } from "./resource/unix-listener.js";
export type { UnixListenOptions, UnixPathOptions } from "./resource/unix-socket.js";
export { UnixStream } from "./resource/unix-stream.js";
export { checkBoolean, checkInteger, checkOptions, describe as describeValue } from "./validate.js";
