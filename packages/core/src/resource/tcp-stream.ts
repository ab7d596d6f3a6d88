/** A connection over TCP. */
import type { SocketAddress } from "../spi/address.js";
import { StreamSocket } from "./stream-socket.js";

/**
 * A connection over TCP. Made by `io.connect` and `listener.accept`; what it can do stands in `StreamSocket`.
 *
 * @example const stream = await io.connect({ host: "example.org", port: 80 });
 */
export class TcpStream extends StreamSocket<SocketAddress> {}
