/** Options that listening, accepting and connecting share, as bits. */

import { checkBoolean } from "../base/validate.js";
import { SOCKET_OPTION } from "../spi/record.js";

export interface StreamSocketOptions {
  /** Send small segments at once (TCP_NODELAY); default true: Baton sends what it is given in one go. */
  readonly noDelay?: boolean;
  /** Have the kernel probe idle connections (SO_KEEPALIVE); default false. */
  readonly keepAlive?: boolean;
}

export const streamSocketOptionNames = { noDelay: true, keepAlive: true } as const;

export function socketOptionBits(where: string, options: StreamSocketOptions): number {
  let bits = 0;
  if (options.noDelay === undefined || checkBoolean(where, "noDelay", options.noDelay)) bits |= SOCKET_OPTION.noDelay;
  if (options.keepAlive !== undefined && checkBoolean(where, "keepAlive", options.keepAlive)) {
    bits |= SOCKET_OPTION.keepAlive;
  }
  return bits;
}
