/**
 * Property tests try the same cases every time, so that a change fails for what it changed. `BATON_SEED=random` tries
 * others, and a number those of a run that failed.
 */
import fc from "fast-check";

const SEED = 2026;
const wanted = process.env["BATON_SEED"];

if (wanted !== "random") fc.configureGlobal({ seed: wanted === undefined ? SEED : Number(wanted) });
