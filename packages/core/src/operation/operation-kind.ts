/** Kinds of operations, made from their rows in the table of opcodes. */
import { OPCODE, type OpcodeName, opcodeDefinition } from "../spi/opcode.js";
import type { OperationKind } from "./entry.js";

/** Makes a kind from its row in the opcode table and what is special about it. */
export function defineKind(
  name: OpcodeName,
  special: Partial<
    Pick<OperationKind, "syscall" | "finish" | "salvage" | "giveUp" | "more" | "crowded" | "details" | "repeatable">
  >,
): OperationKind {
  const row = opcodeDefinition(OPCODE[name]);
  return {
    opcode: OPCODE[name],
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
