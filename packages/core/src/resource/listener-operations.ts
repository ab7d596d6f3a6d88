/** Accepting connections, and the streams made of them. */
import type { Dispatcher, OperationOptions } from "../dispatcher.js";
import { defineKind } from "../operation-kind.js";
import type { Entry } from "../operation-table.js";
import { AUXILIARY_SHIFT, WORD } from "../record.js";
import { ResourceState } from "../resource-state.js";
import type { ResourceTracker } from "../resource-tracker.js";
import { checkOptions } from "../validate.js";
import type { Acceptor, Connection } from "./acceptor.js";
import { closeResource, removeSocketFile } from "./closing.js";
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
  readonly socketFile?: Uint8Array;
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
  const label = `accepted by ${core.state.label}`;
  const kind = core.state.kind === "unix-listener" ? "unix-stream" : "tcp-stream";
  const state = new ResourceState(kind, label, connection.handleIndex, connection.handleGeneration);
  return createStream(dispatcher, tracker, state, () => {
    // Dropped without any use, as by a race that another promise won: it is still a good connection.
    if (state.used) return false;
    state.markClosed();
    acceptor.offer(connection);
    return true;
  });
}

/** The stream for a connected socket. When the program drops it, `giveBack` may take it instead of a close. */
export function createStream(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  state: ResourceState,
  giveBack: () => boolean,
): StreamSocket {
  const Stream = state.kind === "unix-stream" ? UnixStream : TcpStream;
  const stream = new Stream({
    dispatcher,
    state,
    receiveLane: dispatcher.createLane(),
    sendLane: dispatcher.createLane(),
  });
  const close = () => closeResource(dispatcher, state, "shut-down-and-cancel");
  tracker.track(stream, state, close, () => {
    // A failed close of something nobody holds has nobody to be reported to.
    if (!giveBack()) close().catch(() => undefined);
  });
  return stream;
}

export async function closeListener({ dispatcher, state, acceptor, socketFile }: ListenerCore): Promise<void> {
  state.phase = "closing";
  acceptor.close();
  // Before the close: afterwards it could be the file of somebody who listens there next.
  if (socketFile !== undefined) await removeSocketFile(dispatcher, socketFile);
  await closeResource(dispatcher, state, "cancel");
}
