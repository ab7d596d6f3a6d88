/** Accepting connections, and the streams made of them. */

import { checkOptions } from "../base/validate.js";
import type { OperationOptions } from "../operation/cancel.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { Entry } from "../operation/entry.js";
import { defineKind } from "../operation/operation-kind.js";
import { type ResourceEnding, ResourceHandle, ResourceState } from "../operation/resource-state.js";
import { AUXILIARY_SHIFT, WORD } from "../spi/record.js";
import { Acceptor, type Connection } from "./acceptor.js";
import { closeResource, closingBy } from "./closing.js";
import type { ResourceTracker } from "./resource-tracker.js";
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
  readonly socketFile: SocketFile | undefined;
  /** How accepted connections end. */
  readonly streamEnding: ResourceEnding;
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
  const entry = dispatcher.requests.begin(acceptKind, state);
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
  const handle = new ResourceHandle(kind, acceptor.streamLabel, handleIndex, handleGeneration);
  // Two callers have dropped it: it does not come a third time.
  handle.used = connection.returned === true;
  return createStream(dispatcher, tracker, new ResourceState(handle), core.streamEnding);
}

/** The stream for a connected socket. */
export function createStream(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  state: ResourceState,
  ending: ResourceEnding,
): StreamSocket {
  tracker.track(state, ending);
  const core = new StreamCore(dispatcher, state);
  return state.kind === "unix-stream" ? new UnixStream(core) : new TcpStream(core);
}

/** How accepted connections end. One that was dropped without any use, as by a race that another promise won, goes back. */
function endingOfAccepted(dispatcher: Dispatcher, tracker: ResourceTracker, acceptor: Acceptor): ResourceEnding {
  return {
    ...closingBy(dispatcher, tracker, "shut-down-and-cancel"),
    reclaim: (handle) => {
      if (handle.used) return false;
      handle.markClosed();
      acceptor.offer({ handleIndex: handle.index, handleGeneration: handle.generation, returned: true });
      return true;
    },
  };
}

/** What a listener is made of, once the driver has its handle. Takes it in. */
export function createListenerCore(
  dispatcher: Dispatcher,
  tracker: ResourceTracker,
  handle: ResourceHandle,
  how: { readonly streamBits: number; readonly socketFile?: SocketFile },
): ListenerCore {
  const { streamBits, socketFile } = how;
  const state = new ResourceState(handle);
  const acceptor = new Acceptor(dispatcher, handle, streamBits);
  tracker.track(state, {
    owner: tracker,
    close: (closing) => closeListener({ dispatcher, acceptor, socketFile }, closing),
  });
  const streamEnding = endingOfAccepted(dispatcher, tracker, acceptor);
  return { dispatcher, tracker, state, acceptor, streamBits, socketFile, streamEnding };
}

export async function closeListener(
  { dispatcher, acceptor, socketFile }: Pick<ListenerCore, "dispatcher" | "acceptor" | "socketFile">,
  state: ResourceState,
): Promise<void> {
  state.phase = "closing";
  acceptor.close();
  // Before the close: afterwards it could be the file of somebody who listens there next.
  if (socketFile !== undefined) await removeSocketFile(dispatcher, socketFile);
  // The driver has ended meanwhile, and its handles with it: nothing drains any more.
  if (dispatcher.endings.ended) return state.markClosed();
  await closeResource(dispatcher, state, "cancel");
}
