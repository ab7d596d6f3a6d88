/** A trait: what holds for every operation, as one clause per specimen. */
import type { CaseDefinition, Clause } from "../conformance/case.js";
import type { CaseContext } from "../conformance/context.js";
import type { Specimen, Stage } from "./specimen.js";
import { specimens } from "./specimens.js";

/** A case of a trait: like any case, with the specimen on its stage. */
export interface TraitCase extends Omit<CaseDefinition, "run"> {
  /** Which specimens it makes sense for; default: all. */
  readonly applies?: (specimen: Specimen) => boolean;
  /** Its operation waits and must be canceled by the driver, or the case would wait for ever. */
  readonly cancelsInFlight?: boolean;
  run(context: CaseContext, stage: Stage, specimen: Specimen): Promise<void>;
}

/** The clauses of a trait. */
export function defineTrait(id: string, cases: readonly TraitCase[]): readonly Clause[] {
  return specimens.map((specimen) => ({
    id: `${id}.${specimen.id}`,
    title: specimen.title,
    needs: specimen.needs,
    cases: cases
      .filter(({ applies }) => applies === undefined || applies(specimen))
      .map(({ applies: _, cancelsInFlight, run, ...definition }) => ({
        ...definition,
        needs: [
          ...(definition.needs ?? []),
          ...(cancelsInFlight === true && specimen.waits && specimen.cancelNeeds ? [specimen.cancelNeeds] : []),
        ],
        run: async (context) => {
          const stage = await specimen.prepare(context);
          try {
            await run(context, stage, specimen);
          } finally {
            await stage[Symbol.asyncDispose]();
          }
        },
      })),
  }));
}
