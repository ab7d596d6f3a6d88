/** Tables that must name everything. See buffers.ts for how this is checked. */
import {
  type Capabilities,
  type Driver,
  type DriverMemory,
  type DriverSession,
  defineCapabilities,
  type FeatureName,
  native,
  OPCODE,
  type OpcodeName,
  type Support,
} from "@baton-io/core/driver";

/** One row for each operation: one that is added and forgotten here does not compile. */
export const everyOperation: Readonly<Record<OpcodeName, true>> = {
  nop: true,
  cancel: true,
  open: true,
  close: true,
  read: true,
  write: true,
  fsync: true,
  fdatasync: true,
  stat: true,
  truncate: true,
  listen: true,
  accept: true,
  connect: true,
  receive: true,
  send: true,
  shutdown: true,
  timer: true,
  address: true,
  readv: true,
  writev: true,
  receiveMessage: true,
  sendMessage: true,
  datagram: true,
  splice: true,
  pipe: true,
  allocate: true,
  advise: true,
  unlink: true,
  rename: true,
  mkdir: true,
  hardlink: true,
  symlink: true,
  poll: true,
  adopt: true,
};

const { nop: _nop, ...rest } = everyOperation;
// @ts-expect-error 2741: an operation that was forgotten
export const oneMissing: Readonly<Record<OpcodeName, true>> = rest;

// @ts-expect-error 2322: an operation that does not exist
export const unknownOperation: OpcodeName = "reed";

// Numbers are literal types: a mix-up of two operations is seen.
export const read: 4 = OPCODE.read;
// @ts-expect-error 2322: the number of another operation
export const write: 4 = OPCODE.write;

export function declaring(): Capabilities {
  // @ts-expect-error 2561: a feature that does not exist
  defineCapabilities({ operations: {}, features: { multishotAcept: native() } }, "why");
  // @ts-expect-error 2353: an operation that does not exist
  defineCapabilities({ operations: { reed: native() }, features: {} }, "why");
  // @ts-expect-error 2554: a reason is needed for what is lacking
  defineCapabilities({ operations: {}, features: {} });
  return defineCapabilities({ operations: { read: native() }, features: {} }, "why");
}

// @ts-expect-error 2322: what is emulated says how
export const emulatedSomehow: Support = { kind: "emulated" };
// @ts-expect-error 2322: what is lacking says why
export const lackingSomehow: Support = { kind: "unsupported" };
// @ts-expect-error 2820: a feature that does not exist
export const feature: FeatureName = "multishotAcept";

export function describe(support: Support): string {
  // @ts-expect-error 2339: a reason is there only where something is lacking
  void support.why;
  switch (support.kind) {
    case "native":
      return support.how ?? "native";
    case "emulated":
      return support.how;
    case "unsupported":
      return support.why;
  }
}

declare const memory: DriverMemory;
declare const capabilities: Capabilities;
declare const shared: ReturnType<Driver["open"]>["shared"];

// @ts-expect-error 2741: a driver that cannot be opened
export const halfDriver: Driver = { name: "half", probe: () => ({ available: true, capabilities, evidence: [] }) };

const close = async () => ({ unconfirmedOperations: 0, quarantinedBytes: 0 });
// @ts-expect-error 2322: submit tells how many it took
export const mute: DriverSession = { shared, capabilities, memory, submit: () => undefined, close };
// @ts-expect-error 2741: a session can be closed
export const endless: DriverSession = { shared, capabilities, memory, submit: (count) => count };

export const silentProbe: Driver = {
  name: "silent",
  // @ts-expect-error 2322: a driver that cannot run says why
  probe: () => ({ available: false }),
  open: () => {
    throw new Error("cannot run");
  },
};
