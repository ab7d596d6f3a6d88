/** What differs between operations once a completion has come in; one shared, stateless object per kind. */
import type { ErrorDetails } from "../base/errors.js";
import { OPCODE, type OpcodeName, opcodeDefinition } from "../spi/opcode.js";
import type { Entry } from "./operation-table.js";

export interface OperationKind {
  readonly opcode: number;
  readonly name: OpcodeName;
  readonly syscall: string;
  /** May be submitted again after `-EINTR` or `-EAGAIN`. */
  readonly repeatable: boolean;
  /** The value the caller's promise resolves with. `result` is 0 or more; the buffer is home. */
  finish(entry: Entry, result: number, flags: number): unknown;
  /**
   * Takes care of a result that nobody waits for any more, so that nothing is lost or left open (P6): an accepted
   * connection goes to its listener, received bytes to their stream, an opened handle is closed.
   */
  salvage(entry: Entry, result: number, flags: number): void;
  /** It has ended without a result: what an earlier try has begun (`COMPLETION_FLAG.begun`) is nobody's. */
  giveUp?(entry: Entry): void;
  /** A completion that is not the final one. */
  more?(entry: Entry, result: number, flags: number): void;
  /** Another operation waits in the lane for this one, which goes on until it is told to end. */
  crowded?(entry: Entry): void;
  /** What an error of this operation tells beside the errno. */
  details?(entry: Entry): ErrorDetails;
}

/** Makes a kind from its row in the opcode table and what is special about it. */
export function defineKind(
  name: OpcodeName,
  special: Partial<
    Pick<OperationKind, "syscall" | "finish" | "salvage" | "giveUp" | "more" | "crowded" | "details" | "repeatable">
  >,
): OperationKind {
  const row = opcodeDefinition(OPCODE[name]);
  return {
    opcode: row.number,
    name,
    syscall: special.syscall ?? row.syscall,
    repeatable: special.repeatable ?? row.repeatable,
    finish: special.finish ?? finishNothing,
    salvage: special.salvage ?? salvageNothing,
    ...(special.giveUp && { giveUp: special.giveUp }),
    ...(special.more && { more: special.more }),
    ...(special.crowded && { crowded: special.crowded }),
    ...(special.details && { details: special.details }),
  };
}

function finishNothing(): undefined {
  return undefined;
}

function salvageNothing(): void {
  // The result stands for nothing that could be lost.
}
