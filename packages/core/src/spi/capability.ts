/**
 * What a driver can do, per operation and per feature. The vocabulary is closed: a thing is native, emulated in a
 * named way, or unsupported for a named reason. Nothing is ever ignored in silence.
 */
import { type OpcodeName, opcodeNames } from "./opcode.js";

/** How a driver provides an operation or a feature. */
export type Support =
  /** By the mechanism the driver is made of. `how` names it where that tells something. */
  | { readonly kind: "native"; readonly how?: string }
  /** By other means that behave the same; `how` names them. */
  | { readonly kind: "emulated"; readonly how: string }
  /** Not at all: asking for it is `ERR_UNSUPPORTED`. */
  | { readonly kind: "unsupported"; readonly why: string };

/** Abilities that are not an operation of their own, and what each means. */
export const featureTable = [
  ["multishotAccept", "one submission accepts connection after connection"],
  ["multishotReceive", "one submission receives again and again, into buffers the driver takes"],
  [
    "providedBuffer",
    "`receive()` without a buffer: the driver takes a provided one when bytes arrive, so idle connections hold none",
  ],
  ["links", "an operation that starts only when the one before it has ended well"],
  ["linkTimeout", "`timeoutMs` is kept by the driver, next to the operation"],
  ["cancelFile", "a file operation in flight can be canceled"],
  ["cancelSocket", "a socket operation in flight can be canceled"],
  ["pageAlignedMemory", "pool buffers start at a page boundary, as O_DIRECT needs"],
  ["directIo", "files opened with `direct`, past the page cache"],
  ["registeredBuffers", "pool memory is known to the kernel beforehand"],
  ["registeredFiles", "handles are known to the kernel beforehand"],
  ["joinedSends", "sends that wait behind each other on a connection go to the kernel in one call"],
  ["zeroCopySend", "large sends leave from the caller's memory"],
  ["reusePort", "several listeners share one port"],
  ["renameNoReplace", "`rename` with `replace: false`: a name that is taken is left alone, in one step"],
  ["pipeTo", "`stream.pipeTo(file)` and `file.pipeTo(stream)`"],
  ["unixSockets", "connections within the machine, under a path of the file system"],
  ["abstractUnixSockets", "… or under a name that is in no file system"],
] as const;

export type FeatureName = (typeof featureTable)[number][0];

/** Names in the order of the table. */
export const featureNames: readonly FeatureName[] = featureTable.map((row) => row[0]);

/** What one driver, opened with given options on this machine, can do. */
export interface Capabilities {
  readonly operations: Readonly<Record<OpcodeName, Support>>;
  readonly features: Readonly<Record<FeatureName, Support>>;
}

export function native(how?: string): Support {
  return how === undefined ? { kind: "native" } : { kind: "native", how };
}

export function emulated(how: string): Support {
  return { kind: "emulated", how };
}

export function unsupported(why: string): Support {
  return { kind: "unsupported", why };
}

/** True when asking for it works, natively or emulated. */
export function isSupported(support: Support): boolean {
  return support.kind !== "unsupported";
}

/**
 * Completes a driver's declaration: what it does not mention is unsupported, with the reason given.
 *
 * @example defineCapabilities({ operations: { nop: native() }, features: {} }, "not made by this driver")
 */
export function defineCapabilities(
  declared: {
    readonly operations: Partial<Record<OpcodeName, Support>>;
    readonly features: Partial<Record<FeatureName, Support>>;
  },
  otherwise: string,
): Capabilities {
  const missing = unsupported(otherwise);
  // Made by core, out of what the driver has.
  const { splice = missing, pipe = missing } = declared.operations;
  const pipeTo =
    isSupported(splice) && isSupported(pipe)
      ? native("splice through a pipe")
      : emulated("through buffers of the pool: there is no splice");
  return Object.freeze({
    operations: Object.freeze(
      Object.fromEntries(opcodeNames.map((name) => [name, declared.operations[name] ?? missing])),
    ) as Capabilities["operations"],
    features: Object.freeze(
      Object.fromEntries(
        featureNames.map((name) => [name, declared.features[name] ?? (name === "pipeTo" ? pipeTo : missing)]),
      ),
    ) as Capabilities["features"],
  });
}
