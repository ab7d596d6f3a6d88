/**
 * Room for fewer operations than a backend has without being asked. It has some megabytes less by that, which takes most
 * of the time of a short case; each driver by itself is tested with what it has without being asked.
 */
export const fewOperations = { operationsMax: 4096, operationsWaitingMax: 16_384 } as const;
