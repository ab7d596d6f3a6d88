/** What can be wrong with a record, operation by operation, as cases. */
import type { OpcodeName } from "@baton-io/core";
import { BAD_RECORD, ERRNO, MESSAGE_VECTOR_AT, OPCODE, type OpcodeDefinition } from "@baton-io/core/driver";
import type { CaseDefinition } from "./case.js";
import { equal } from "./expect.js";
import {
  answerTo,
  areaFaults,
  BUFFER_BYTES,
  entryBytes,
  expectAnswers,
  meaningless,
  noParts,
  onBench,
  withArea,
} from "./record-bench.js";

/** The cases of one operation that has an area. */
export function areaCase(definition: OpcodeDefinition): CaseDefinition {
  const name = definition.name as OpcodeName;
  return {
    id: `area-of-${name}`,
    title: `${name} with an area that is not in the arena, or is too short for what it says, is refused`,
    needs: [name],
    mutants: ["record-area-unchecked", "record-path-unended"],
    run: (context) =>
      onBench(context, async (bench) => {
        await expectAnswers(bench, withArea(definition, bench), areaFaults(definition, bench.raw), BAD_RECORD);
      }),
  };
}

export function bufferCase(name: OpcodeName): CaseDefinition {
  return {
    id: `buffer-of-${name}`,
    title: `${name} into what is not a part of a buffer is refused`,
    needs: [name],
    mutants: ["record-part-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        const submission = { opcode: OPCODE[name], handle: bench.file, position: 0 };
        const faults = noParts(bench.buffer).map(([buffer, bufferOffset, length]) => ({
          buffer,
          bufferOffset,
          length,
        }));
        await expectAnswers(bench, submission, faults, BAD_RECORD);
        const freed = bench.raw.session.memory.allocate(BUFFER_BYTES, 1);
        bench.raw.session.memory.free(freed.firstNumber);
        await expectAnswers(bench, submission, [{ buffer: freed.firstNumber, length: 16 }], BAD_RECORD);
      }),
  };
}

export function vectorCase(name: OpcodeName): CaseDefinition {
  const at = name.endsWith("Message") ? MESSAGE_VECTOR_AT : 0;
  return {
    id: `parts-of-${name}`,
    title: `${name} with an entry that is not a part of a buffer is refused, wherever it stands`,
    needs: [name],
    mutants: ["record-part-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        for (const fault of noParts(bench.buffer)) {
          const good = entryBytes(bench.buffer, 0, 16);
          const arena = Uint8Array.of(...new Uint8Array(at), ...good, ...entryBytes(...fault));
          const submission = { opcode: OPCODE[name], handle: bench.file, position: 0, arena };
          const result = await answerTo(bench, submission, { vectorCount: 2 });
          equal(result, BAD_RECORD, `the answer to a vector with ${fault.join()}`);
        }
      }),
  };
}

export function numberCase(definition: OpcodeDefinition): CaseDefinition {
  const name = definition.name as OpcodeName;
  return {
    id: `numbers-of-${name}`,
    title: `${name} with a position, a length or an argument that means nothing is refused with EINVAL`,
    needs: [name],
    mutants: ["record-numbers-unchecked"],
    run: (context) =>
      onBench(context, async (bench) => {
        const submission = { ...withArea(definition, bench), buffer: bench.buffer };
        await expectAnswers(bench, submission, meaningless(definition), -ERRNO.EINVAL);
      }),
  };
}
