/** A connection within the machine. */
import type { UnixAddress } from "../spi/address.js";
import { StreamSocket } from "./stream-socket.js";

/**
 * A connection over a Unix-domain socket. An end that was bound to no path has the path `""` as its address.
 *
 * @example const stream = await io.connect({ path: "/run/service.sock" });
 */
export class UnixStream extends StreamSocket<UnixAddress> {}
