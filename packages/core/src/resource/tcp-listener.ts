/** A listener for connections over TCP. */
import type { SocketAddress } from "../spi/address.js";
import { StreamListener } from "./stream-listener.js";
import type { TcpStream } from "./tcp-stream.js";

/**
 * A listener for connections over TCP. Made by `io.listen`; what it can do stands in `StreamListener`.
 *
 * @example const listener = await io.listen({ host: "0.0.0.0", port: 8080 });
 */
export class TcpListener extends StreamListener<TcpStream, SocketAddress> {}
