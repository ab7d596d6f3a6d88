/**
 * Datagrams between two sockets: each is received whole and from whom it says it is, or not at all; none comes twice,
 * and none is made up.
 */
import type { UdpSocket } from "@baton-io/core";
import type { Random } from "../random.js";
import { type Context, fillPattern, patternMismatch } from "./context.js";

/** Number of the datagram, 32 bits; its pattern follows. */
const HEAD_BYTES = 4;
const DATAGRAM_BYTES_MAX = 400;

/** Datagrams that were sent: their lengths by number. */
type Sent = Map<number, number>;

export async function datagramActor(context: Context, random: Random): Promise<void> {
  const { io } = context;
  const near = await context.insist("bindUdp", () => io.bindUdp({ port: 0 }));
  const far = await context.insist("bindUdp", () => io.bindUdp({ port: 0 }));
  if (near !== undefined && far !== undefined) {
    const sent: Sent = new Map();
    const received = new Set<number>();
    const count = random.between(3, 10);
    await Promise.all([
      sendAll(context, random.fork(), far, { target: near, sent, count }),
      receiveSome(context, random.fork(), near, { source: far, sent, received, count }),
    ]);
  }
  for (const socket of [near, far]) {
    if (socket !== undefined && !socket.closed) await context.end("close", socket.close());
  }
}

async function sendAll(
  context: Context,
  random: Random,
  socket: UdpSocket,
  { target, sent, count }: { readonly target: UdpSocket; readonly sent: Sent; readonly count: number },
): Promise<void> {
  const { address, port } = target.address;
  for (let number = 0; number < count && !context.closing; number++) {
    const length = random.between(HEAD_BYTES, DATAGRAM_BYTES_MAX);
    const buffer = await context.take(length);
    if (buffer === undefined) continue;
    const { bytes } = buffer;
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, number);
    fillPattern(bytes.subarray(HEAD_BYTES), number, 0);
    // Before the send, because it may arrive before the send has ended.
    sent.set(number, length);
    const ended = await context.end("send a datagram", socket.send(buffer, { address, port }));
    if (ended.ok)
      context.expect(ended.value.bytesSent === length, () => `datagram: ${ended.value.bytesSent} of ${length}`);
    context.expectHome("send a datagram", buffer);
    context.letGo(buffer);
    if (random.chance(0.5)) await context.pause(random.below(2000) / 1000);
  }
}

async function receiveSome(
  context: Context,
  random: Random,
  socket: UdpSocket,
  plan: { readonly source: UdpSocket; readonly sent: Sent; readonly received: Set<number>; readonly count: number },
): Promise<void> {
  // Some may never come: nobody waits for ever.
  for (let tries = plan.count + 3; tries > 0 && !socket.closed && !context.closing; tries--) {
    const buffer = await context.take(random.pick([DATAGRAM_BYTES_MAX, 100]));
    if (buffer === undefined) continue;
    const timeoutMs = random.between(1, 4);
    const ended = await context.end("receive a datagram", socket.receive(buffer, { timeoutMs }), ["ERR_TIMEOUT"]);
    context.expectHome("receive a datagram", buffer);
    if (ended.ok) {
      const { bytesReceived, address, truncated } = ended.value;
      context.expect(address.port === plan.source.address.port, () => `datagram: from port ${address.port}`);
      checkDatagram(context, buffer.bytes.subarray(0, bytesReceived), truncated, plan);
    }
    context.letGo(buffer);
  }
}

function checkDatagram(
  context: Context,
  bytes: Uint8Array,
  truncated: boolean,
  { sent, received }: { readonly sent: Sent; readonly received: Set<number> },
): void {
  const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  const length = sent.get(number);
  context.expect(length !== undefined, () => `datagram ${number}: nobody has sent it`);
  context.expect(!received.has(number), () => `datagram ${number}: received twice`);
  received.add(number);
  const isCut = length !== undefined && bytes.length < length;
  context.expect(
    truncated === isCut,
    () => `datagram ${number}: ${bytes.length} of ${length}, truncated: ${truncated}`,
  );
  context.expect(length === undefined || bytes.length <= length, () => `datagram ${number}: longer than it was sent`);
  const mismatch = patternMismatch(bytes.subarray(HEAD_BYTES), number, 0);
  context.expect(mismatch < 0, () => `datagram ${number}: byte ${mismatch} is wrong`);
}
