/** What a backend tells its program unasked. */

/** Told when a listener stops accepting for want of descriptors or memory. */
export interface AcceptPaused {
  /** The address it listens at. */
  readonly listener: string;
  /** `"EMFILE"`, `"ENFILE"`, `"ENOBUFS"` or `"ENOMEM"`. */
  readonly code: string;
  readonly error: Error;
}
