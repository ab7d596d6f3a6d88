/** An accept that is aborted while a connection comes in: whoever wins, the connection is not lost. */
import { type Backend, BatonError, release, type TcpListener, type TcpStream } from "@baton-io/core";
import { Finding } from "./finding.js";
import { handled } from "./handled.js";

export interface AcceptRaceOptions {
  readonly rounds: number;
  readonly signal: AbortSignal;
}

export interface AcceptRaceResult {
  readonly rounds: number;
  /** The accept had its connection before the abort reached it. */
  readonly wonByAccept: number;
  /** The accept gave way, and the next accept got the connection. */
  readonly keptForNext: number;
  /** Connections nobody got. More than none is a bug. */
  readonly lost: number;
}

/** How long the accept after an aborted one waits for the connection before it counts as lost. */
const LOST_AFTER_MS = 5000;

/** Moments to abort at, from before the connection is asked for to after the client has it. */
const moments: readonly ((abort: () => void, connect: () => Promise<TcpStream>) => Promise<TcpStream>)[] = [
  (abort, connect) => {
    abort();
    return connect();
  },
  (abort, connect) => {
    const connecting = connect();
    abort();
    return connecting;
  },
  (abort, connect) => {
    const connecting = connect();
    setImmediate(abort);
    return connecting;
  },
  async (abort, connect) => {
    const stream = await connect();
    abort();
    return stream;
  },
];

/** Races accepts against aborts, and follows every connection to whoever got it. */
export async function raceAccepts(io: Backend, { rounds, signal }: AcceptRaceOptions): Promise<AcceptRaceResult> {
  await using listener = await io.listen({ signal });
  const { port } = listener.address;
  let wonByAccept = 0;
  let keptForNext = 0;
  let lost = 0;

  for (let round = 0; round < rounds; round++) {
    const abort = new AbortController();
    const accepting = handled(unlessEnded(listener.accept({ signal: abort.signal })));
    await using client = await moments[round % moments.length]!(
      () => abort.abort(),
      () => io.connect({ port, signal }),
    );

    const early = await accepting;
    const late = early ?? (await unlessEnded(listener.accept({ timeoutMs: LOST_AFTER_MS, signal })));
    signal.throwIfAborted();
    if (late === undefined) {
      lost++;
      continue;
    }
    await using server = late;
    await expectSameConnection(io, client, server, round);
    if (early === undefined) keptForNext++;
    else wonByAccept++;
  }
  return { rounds, wonByAccept, keptForNext, lost };
}

/** The connection, or `undefined` when the accept was aborted or timed out. */
async function unlessEnded(accepting: ReturnType<TcpListener["accept"]>): Promise<TcpStream | undefined> {
  try {
    return await accepting;
  } catch (error) {
    if (error instanceof BatonError && (error.code === "ABORT_ERR" || error.code === "ERR_TIMEOUT")) return undefined;
    throw error;
  }
}

/** Proves that both ends belong together: what one sends the other receives. */
async function expectSameConnection(io: Backend, client: TcpStream, server: TcpStream, round: number): Promise<void> {
  const text = `round ${round}`;
  const buffer = io.buffers.copyFrom(text);
  try {
    await client.send(buffer);
    const { bytesReceived } = await server.receive(buffer);
    const received = new TextDecoder().decode(buffer.bytes.subarray(0, bytesReceived));
    if (received !== text) throw new Finding(`another connection than that of ${text} was accepted: ${received}`);
  } finally {
    release(buffer);
  }
}
