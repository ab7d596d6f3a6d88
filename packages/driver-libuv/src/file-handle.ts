/** An open file as the operations on it know it. */

/** An open file. The descriptor is closed when the last operation that uses it has ended. */
export interface FileHandle {
  readonly kind: "file";
  readonly fd: number;
  /** The descriptor that was adopted, where `fd` was opened in its stead; closed with it. */
  readonly original: number | undefined;
  inFlight: number;
  onIdle: (() => void) | undefined;
  /** What was read of a FIFO before anybody asked: the first of the next read. */
  ahead: Uint8Array | undefined;
}

/** An operation on the handle has ended. */
export function leave(handle: FileHandle): void {
  if (--handle.inFlight === 0) handle.onIdle?.();
}
