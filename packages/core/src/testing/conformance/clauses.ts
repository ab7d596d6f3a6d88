/** The contract: all clauses, in the order of the reports. */
import { afterCancel } from "../traits/after-cancel.js";
import { whenFull } from "../traits/when-full.js";
import { whileClosing } from "../traits/while-closing.js";
import { whileOpen } from "../traits/while-open.js";
import { adoptFileClause } from "./adopt-file.js";
import { backendClause, capabilitiesClause, inspectorClause } from "./backend.js";
import type { Clause } from "./case.js";
import { chainClause } from "./chains.js";
import { connectByNameClause } from "./connect-by-name.js";
import { datagramClause } from "./datagram.js";
import { descriptorShortageClause } from "./descriptor-shortage.js";
import { droppedBackendClause } from "./dropped-backends.js";
import { fairnessClause } from "./fairness.js";
import { fifoClause } from "./fifos.js";
import { fileFlushClause, fileLengthClause, fileMetadataClause } from "./file-metadata.js";
import { fileOpenClause } from "./file-open.js";
import { fileOpenFlagsClause } from "./file-open-flags.js";
import { fileSalvageClause } from "./file-salvage.js";
import { fileAdviceClause, fileSpaceClause } from "./file-space.js";
import { fileReadClause, fileWriteClause } from "./file-transfer.js";
import { backPressureClause } from "./flow.js";
import { foreignMemoryClause } from "./foreign-memory.js";
import { joinedSendsClause } from "./joined-sends.js";
import { lifetimeClause } from "./lifetime.js";
import { limitsClause } from "./limits.js";
import { batchClause, submitClause } from "./low-level.js";
import { onceClause } from "./once.js";
import { ownPositionClause } from "./own-position.js";
import { ownershipClause } from "./ownership.js";
import { linkClause, mkdirClause, renameClause, unlinkClause } from "./paths.js";

import { pipeFromFileClause, pipeToFileClause } from "./pipe-transfer.js";
import { pollClause } from "./poll.js";
import { poolClause } from "./pool.js";
import { fileReadVectorClause } from "./read-vector.js";
import { receiveProvidedClause } from "./receive-provided.js";
import { rejectionClause } from "./rejections.js";
import { salvageClause } from "./salvage.js";
import { spiDescriptorsClause } from "./spi-descriptors.js";
import { spiHandlesClause } from "./spi-handles.js";
import { spiMemoryClause } from "./spi-memory.js";
import { spiRecordsClause } from "./spi-records.js";
import { spiCancelClause, spiSessionClause } from "./spi-session.js";
import { spiSocketsClause } from "./spi-sockets.js";
import { stalledClause } from "./stalled.js";
import { streamEndingsClause } from "./stream-endings.js";
import { streamLoopClause } from "./stream-loop.js";
import { acceptClause } from "./tcp-accept.js";
import { connectClause } from "./tcp-connect.js";
import { listenClause } from "./tcp-listen.js";
import { streamClause } from "./tcp-stream.js";
import { timerClause } from "./timers.js";
import { unixClauses } from "./unix-socket.js";
import { fileWriteVectorClause } from "./write-vector.js";

export const clauses: readonly Clause[] = [
  spiSessionClause,
  spiCancelClause,
  spiHandlesClause,
  spiDescriptorsClause,
  spiRecordsClause,
  spiSocketsClause,
  spiMemoryClause,
  capabilitiesClause,
  onceClause,
  ownershipClause,
  foreignMemoryClause,
  poolClause,
  fileOpenClause,
  fileOpenFlagsClause,
  adoptFileClause,
  fifoClause,
  fileReadClause,
  fileWriteClause,
  fileReadVectorClause,
  fileWriteVectorClause,
  ownPositionClause,
  fileMetadataClause,
  fileLengthClause,
  fileFlushClause,
  fileSpaceClause,
  fileAdviceClause,
  unlinkClause,
  mkdirClause,
  renameClause,
  linkClause,
  listenClause,
  acceptClause,
  connectClause,
  connectByNameClause,
  descriptorShortageClause,
  streamClause,
  receiveProvidedClause,
  streamLoopClause,
  stalledClause,
  streamEndingsClause,
  joinedSendsClause,
  ...unixClauses,
  datagramClause,
  pipeToFileClause,
  pipeFromFileClause,
  limitsClause,
  pollClause,
  timerClause,
  salvageClause,
  fileSalvageClause,
  backPressureClause,
  fairnessClause,
  submitClause,
  batchClause,
  chainClause,
  backendClause,
  inspectorClause,
  lifetimeClause,
  droppedBackendClause,
  rejectionClause,
  ...whileOpen,
  ...afterCancel,
  ...whileClosing,
  ...whenFull,
];
