/**
 * The way from what users hold to what core knows of it. It is private to the classes, and each opens it to the rest of
 * core when it is defined; the classes themselves can so use each other without importing each other.
 */

import { batonError } from "../base/errors.js";
import { describe, wrongType } from "../base/validate.js";
import type { Dispatcher } from "../operation/dispatcher.js";
import type { FileCore } from "./file-operations.js";
import type { StreamCore } from "./stream-operations.js";

/** A `File`, as far as the class of connections has to know it: the two classes cannot import each other. */
export interface FileLike {
  readonly path: string;
  datasync(): Promise<void>;
}

/** Each answers the core of an object of its class, and throws `wrongResource` for anything else. */
export const doors: {
  file: (file: unknown) => FileCore;
  stream: (stream: unknown) => StreamCore;
} = { file: unopened, stream: unopened };

function unopened(): never {
  throw new Error("The class is not loaded.");
}

/**
 * The core of a resource that was given to a backend, when it is that backend's own. Everything that takes a resource
 * from outside goes through here: a handle means something else to every driver, and so does a buffer's number. Throws
 * `ERR_RESOURCE_FOREIGN`.
 */
export function expectOwnResource<C extends { readonly dispatcher: Dispatcher }>(
  where: string,
  name: string,
  core: C,
  dispatcher: Dispatcher,
): C {
  if (core.dispatcher === dispatcher) return core;
  throw batonError("ERR_RESOURCE_FOREIGN", `${where}: ${name} belongs to another backend.`);
}

/**
 * The error for what is not of the class that `name` takes; `expected` as in "a File". A second copy of the library has
 * classes of the same names, and to say that a File is not a File would help nobody.
 */
export function wrongResource(name: string, classes: readonly string[], value: unknown): Error {
  const expected = classes.map((one) => `a ${one}`).join(" or ");
  const own = describe(value);
  return classes.some((one) => own === `an instance of ${one}`)
    ? batonError("ERR_RESOURCE_FOREIGN", `submit: ${name} was made by another copy of @baton-io/core.`)
    : wrongType("submit", name, expected, value);
}

/** A file as its operations know it. */
export function fileCore(file: unknown): FileCore {
  return doors.file(file);
}

/** A connection as its operations know it. */
export function streamCore(stream: unknown): StreamCore {
  return doors.stream(stream);
}
