/** Listening for connections within the machine. */
import type { UnixAddress } from "../spi/address.js";
import { StreamListener } from "./stream-listener.js";
import type { UnixStream } from "./unix-stream.js";

/**
 * A listener on a Unix-domain socket. Listening makes a socket file at its path; closing the listener removes it, unless
 * somebody else has put another in its place by then. A program that ends without closing leaves the file, and the next
 * one that listens there gets `EADDRINUSE`. An abstract name leaves nothing.
 *
 * @example
 * await using listener = await io.listen({ path: "/run/service.sock" });
 * for await (const stream of listener) serve(stream);
 */
export class UnixListener extends StreamListener<UnixStream, UnixAddress> {}
