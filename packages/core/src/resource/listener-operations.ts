/** Accepting connections, and the streams made of them. */
import type { Dispatcher, OperationOptions } from "../dispatcher.js";
import { defineKind } from "../operation-kind.js";
import type { Entry } from "../operation-table.js";
import { AUXILIARY_SHIFT, WORD } from "../record.js";
import { ResourceState } from "../resource-state.js";
import type { ResourceTracker } from "../resource-tracker.js";
import { checkOptions } from "../validate.js";
import type { Acceptor, Connection } from "./acceptor.js";
import { closeResource } from "./closing.js";
import { removeSocketFile, type SocketFile } from "./socket-file.js";
import { StreamCore } from "./stream-operations.js";
import type { StreamSocket } from "./stream-socket.js";
import { TcpStream } from "./tcp-stream.js";
import { operationOptionNames } from "./transfer.js";
import { UnixStream } from "./unix-stream.js";

/** A listener as its operations know it. */
export interface ListenerCore {
  readonly dispatcher: Dispatcher;
  readonly tracker: ResourceTracker;
  readonly state: ResourceState;
  readonly acceptor: Acceptor;
  /** Socket options of accepted connections. */
  readonly streamBits: number;
  /** The socket file that it made, to be removed when it closes. */
  readonly socketFile?: SocketFile;
}

/** For `submit`: one accept of one's own. What nobody waits for goes to the listener's other callers. */
const acceptKind = defineKind("accept", {
  finish: (entry, result, flags): StreamSocket =>
    createAcceptedStream(entry.subject as ListenerCore, {
      handleIndex: result,
      handleGeneration: flags >>> AUXILIARY_SHIFT,
    }),
  salvage: (entry, result, flags) => {
    const { acceptor } = entry.subject as ListenerCore;
    acceptor.offer({ handleIndex: result, handleGeneration: flags >>> AUXILIARY_SHIFT });
  },
});

export function prepareAccept(core: ListenerCore, options: OperationOptions): Entry {
  const where = "listener.accept";
  const { dispatcher, state } = core;
  state.expectOpen(where);
  checkOptions(where, options, operationOptionNames);
  const early = dispatcher.canceler.check(where, options);
  const entry = dispatcher.begin(acceptKind, state);
  entry.subject = core;
  dispatcher.records[entry.base + WORD.argument0] = core.streamBits;
  dispatcher.canceler.attach(entry, early);
  return entry;
}

/** The stream for a connection that a listener accepted. */
export function createAcceptedStream(core: ListenerCore, connection: Connection): StreamSocket {
  const { acceptor, dispatcher, tracker } = core;
  const kind = core.state.kind === "unix-listener" ? "unix-stream" : "tcp-stream";
  const { handleIndex, handleGeneration } = connection;
  const state = new ResourceState(kind, acceptor.streamLabel, handleIndex, handleGeneration);
  return createStream(dispatcher, tracker, state, acceptor);
}

/** The stream for a connected socket; `acceptor`: of the listener that it came through. */
export function createStream(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  state: ResourceState,
  acceptor: Acceptor | undefined,
): StreamSocket {
  const core = new StreamCore(dispatcher, state, acceptor);
  const stream = state.kind === "unix-stream" ? new UnixStream(core) : new TcpStream(core);
  tracker.track(stream, core);
  return stream;
}

export async function closeListener({ dispatcher, state, acceptor, socketFile }: ListenerCore): Promise<void> {
  state.phase = "closing";
  acceptor.close();
  // Before the close: afterwards it could be the file of somebody who listens there next.
  if (socketFile !== undefined) await removeSocketFile(dispatcher, socketFile);
  // The driver has ended meanwhile, and its handles with it: nothing drains any more.
  if (dispatcher.ended) return state.markClosed();
  await closeResource(dispatcher, state, "cancel");
}
