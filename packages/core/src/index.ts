/** What programs use. Whoever writes a driver finds the rest in `driver.ts`. */
export { Backend, type CloseOptions, createBackend } from "./backend.js";
export type { CloseReport } from "./backend-closing.js";
export type { BackendOptions, Leak } from "./backend-options.js";
export { type Clock, systemClock } from "./base/clock.js";
export type { Counters } from "./base/counters.js";
export { BatonError, type BatonErrorCode, errorTable } from "./base/errors.js";
export type { AcceptPaused } from "./base/notices.js";
export type { BufferInfo, Inspection, OperationInfo, ResourceInfo } from "./inspector.js";
export { BufferPool, type BufferPoolStats } from "./memory/buffer-pool.js";
export {
  type BufferSlice,
  type BufferState,
  type Lendable,
  type LentBuffer,
  OwnedBuffer,
  type ReleasedBuffer,
  release,
  type Unreleased,
} from "./memory/owned-buffer.js";
export { POOL_SIZES } from "./memory/pool-store.js";
export type { OperationOptions } from "./operation/cancel.js";
export { type CancelOutcome, Operation, type Outcome } from "./operation/operation.js";
export type { ReceiveStats } from "./operation/provided-buffers.js";
export type { Checked, Request, ResultOf } from "./request.js";
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
export type { MakeDirectoryOptions, Path, RenameOptions } from "./resource/path-operations.js";
export type { PipeFromFileOptions, PipeResult, PipeToFileOptions } from "./resource/pipe-transfer.js";
export type { PollOptions, Readiness } from "./resource/readiness.js";
export { StreamListener } from "./resource/stream-listener.js";
export type { ProvidedResult, ReceiveResult, SendResult, ShutdownHow } from "./resource/stream-operations.js";
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
export type { SocketAddress, UnixAddress } from "./spi/address.js";
export { type Capabilities, type FeatureName, isSupported, type Support } from "./spi/capability.js";
export type { Available, Driver, DriverProbe, Evidence, Remedy, Shortfall, Unavailable } from "./spi/driver.js";
export type { OpcodeName } from "./spi/opcode.js";
export type { OpenFlags, OpenFlagText } from "./spi/open-flags.js";
