import { ADDRESS_BYTES_AT, ADDRESS_FAMILY, ADDRESS_WORD, OPCODE } from "@baton-io/core/driver";
import { equal, ok } from "./expect.js";
import type { RawHandle, RawSession } from "./raw-session.js";

/** Opens a file by hand. */
export async function openByHand(raw: RawSession, path: string, flags: number): Promise<RawHandle> {
  const completion = await raw.run({ opcode: OPCODE.open, path, argument0: flags, argument1: 0o600 });
  ok(completion.result >= 0, `an open file, not ${completion.result}`);
  return { index: completion.result, generation: completion.auxiliary };
}

/** An address as it stands in the arena. */
function addressBytes(port: number): Uint8Array {
  const bytes = new Uint8Array(128);
  const words = new Int32Array(bytes.buffer);
  words[ADDRESS_WORD.family] = ADDRESS_FAMILY.ipv4;
  words[ADDRESS_WORD.portOrLength] = port;
  bytes.set([127, 0, 0, 1], ADDRESS_BYTES_AT);
  return bytes;
}

/** Listens by hand; the handle and the port. */
async function listenByHand(raw: RawSession): Promise<{ handle: RawHandle; port: number }> {
  const listen = await raw.run({ opcode: OPCODE.listen, slot: 10, arena: addressBytes(0), argument1: 16 });
  ok(listen.result >= 0, `a listener, not ${listen.result}`);
  const port = new DataView(raw.session.shared.arena).getInt32(
    raw.arenaOffset(10) + ADDRESS_WORD.portOrLength * 4,
    true,
  );
  return { handle: { index: listen.result, generation: listen.auxiliary }, port };
}

/** A connection by hand: the two ends, and the listener. */
export async function connectByHand(
  raw: RawSession,
): Promise<{ near: RawHandle; far: RawHandle; listener: RawHandle }> {
  const { handle: listener, port } = await listenByHand(raw);
  const accept = raw.write({ opcode: OPCODE.accept, slot: 11, handle: listener });
  const connect = raw.write({ opcode: OPCODE.connect, slot: 12, arena: addressBytes(port) });
  await raw.submitAll([accept, connect]);
  const [accepted, connected] = [await raw.next(accept), await raw.next(connect)];
  return {
    near: { index: accepted.result, generation: accepted.auxiliary },
    far: { index: connected.result, generation: connected.auxiliary },
    listener,
  };
}

export async function closeByHand(raw: RawSession, ...handles: RawHandle[]): Promise<void> {
  for (const handle of handles)
    equal((await raw.run({ opcode: OPCODE.close, handle })).result, 0, "the result of close");
}
