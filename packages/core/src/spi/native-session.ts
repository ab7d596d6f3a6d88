/**
 * The JavaScript half that native drivers share: making a `DriverSession` of the object that their border
 * (`native/baton/napi_session.h`) hands over. Nothing here is called per operation.
 */

import { describeErrno } from "../base/errno.js";
import { batonError } from "../base/errors.js";
import type { Capabilities } from "./capability.js";
import type { DriverCloseReport, DriverMemory, DriverSession, Shortfall, Slab } from "./driver.js";
import { moveArrayBuffer } from "./heap-memory.js";
import type { InterfaceIndex } from "./interface-index.js";
import { linuxOpenConstants } from "./open-flags.js";

/** What the border hands over for one session. */
export interface NativeSession {
  readonly records: ArrayBuffer;
  readonly submissions: ArrayBuffer;
  readonly completions: ArrayBuffer;
  readonly control: ArrayBuffer;
  readonly provided: ArrayBuffer;
  readonly arena: ArrayBuffer;
  submit(count: number): number;
  close(deadlineMs: number): DriverCloseReport;
  /** A slab, or a negative errno. */
  allocate(bytes: number, count: number): Slab | number;
  free(firstNumber: number): void;
  /** Whether the pages of a buffer at rest went back to the system. */
  discard(number: number): boolean;
  /** A slab with a copy, or a negative errno. */
  adopt(source: ArrayBuffer): Slab | number;
  /** A number, or a negative errno. */
  borrow(source: ArrayBuffer, offset: number, length: number): number;
  /** The new ArrayBuffer, or a negative errno. */
  detach(number: number, buffer: ArrayBuffer): ArrayBuffer | number;
  /** An ArrayBuffer, or a negative errno. */
  renew(number: number): ArrayBuffer | number;
  protect(number: number, accessible: boolean): boolean;
  /** See `DriverMemory.exposures`. */
  readonly exposures: ArrayBuffer;
}

/** The runtimes whose event loops differ. */
export type RuntimeName = "node" | "bun" | "deno";

/** Which one this is: by name, because all of them show the same symbols. */
export function runtimeName(versions: Readonly<Record<string, string | undefined>>): RuntimeName {
  if (versions["bun"] !== undefined) return "bun";
  return versions["deno"] !== undefined ? "deno" : "node";
}

/** Alignment of native buffers: each starts at a page. */
const PAGE_BYTES = 4096;

/** Makes the session that core works with. */
export function createNativeSession(parts: {
  native: NativeSession;
  capabilities: Capabilities;
  runtime: RuntimeName;
  /** Take the memory of buffers away while they are at rest; see `guardPages` of the drivers. */
  guardPages: boolean;
  shortfalls?: readonly Shortfall[];
  lookup: (host: string) => Promise<readonly string[]>;
  interfaceIndex: InterfaceIndex;
  /** `fs.constants`. */
  openConstants: Readonly<Record<string, number>>;
}): DriverSession {
  const { native, capabilities, lookup, interfaceIndex, openConstants, shortfalls = [] } = parts;
  return {
    shared: {
      records: native.records,
      submissions: native.submissions,
      completions: native.completions,
      control: native.control,
      provided: native.provided,
      arena: native.arena,
    },
    capabilities,
    shortfalls,
    memory: createNativeMemory(native, parts.runtime, parts.guardPages),
    // The native function itself: a wrapper would cost as much as the call.
    submit: native.submit,
    close: async (deadlineMs) => native.close(deadlineMs),
    lookup,
    interfaceIndex,
    openConstants: linuxOpenConstants(openConstants),
  };
}

function createNativeMemory(native: NativeSession, runtime: RuntimeName, guardPages: boolean): DriverMemory {
  const canTransfer = "transfer" in ArrayBuffer.prototype;
  return {
    alignmentBytes: PAGE_BYTES,
    allocate: (bytes, count) => expectSlab(native.allocate(bytes, count), bytes * count),
    free: (firstNumber) => native.free(firstNumber),
    adopt: (source) => {
      const slab = expectSlab(native.adopt(source), source.byteLength);
      try {
        moveArrayBuffer(source);
      } catch (error) {
        native.free(slab.firstNumber);
        throw error;
      }
      return slab;
    },
    borrow: (source, offset, length) => {
      const firstNumber = native.borrow(source, offset, length);
      if (firstNumber < 0) throw noMemory(firstNumber, length);
      return { firstNumber, buffers: [source] };
    },
    // Bun copies on transfer, and the address must not change; Node before 21 has none.
    detach:
      runtime === "node" && canTransfer
        ? (_number, buffer) => buffer.transfer()
        : (number, buffer) => expectDetached(native.detach(number, buffer)),
    discard: (number) => native.discard(number),
    renew: (number) => expectBuffer(native.renew(number)),
    // Without it the memory of an addon cannot leave its thread.
    ...(canTransfer && { exposures: new Uint8Array(native.exposures) }),
    ...(guardPages && { protect: (number, accessible) => native.protect(number, accessible) }),
  };
}

function expectSlab(slab: Slab | number, bytes: number): Slab {
  if (typeof slab !== "number") return slab;
  throw noMemory(slab, bytes);
}

function noMemory(errno: number, bytes: number): Error {
  const { code, text } = describeErrno(errno);
  return batonError("ERR_POOL_EMPTY", `${bytes} bytes of native memory were refused (${code}: ${text}).`, {
    errno,
  });
}

function expectBuffer(buffer: ArrayBuffer | number): ArrayBuffer {
  if (typeof buffer !== "number") return buffer;
  throw noMemory(buffer, 0);
}

function expectDetached(buffer: ArrayBuffer | number): ArrayBuffer {
  if (typeof buffer !== "number") return buffer;
  const { code, text } = describeErrno(buffer);
  throw batonError("ERR_DETACH_FAILED", `The runtime did not detach a buffer's views (${code}: ${text}).`, {
    errno: buffer,
  });
}
