import type { CompletionExtras } from "./deliver.js";
import type { FileHandle } from "./file-handle.js";
import type { HandleId } from "./handles.js";
import type { Submission } from "./record-reader.js";

/** What file operations need of their driver. */
export interface FileHost {
  complete(submission: Submission, result: number, extras?: CompletionExtras): void;
  /** A handle for an open file; `undefined` when the session is closed: then the caller has to close the file. */
  addHandle(handle: FileHandle): HandleId | undefined;
  view(submission: Submission): Uint8Array;
  /** The buffers of a vectored operation. */
  views(submission: Submission): Uint8Array[];
  /** The path of an operation. */
  path(submission: Submission): string | Buffer;
  readonly arena: ArrayBuffer;
}
