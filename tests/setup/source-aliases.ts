/** Where the packages' sources are, for tests and for the programs that tests start. */
import { fileURLToPath } from "node:url";

const source = (path: string) => fileURLToPath(new URL(`../../packages/${path}`, import.meta.url));

export const sourceAliases: { find: RegExp; replacement: string }[] = [
  { find: /^@baton-io\/core\/driver$/, replacement: source("core/src/driver.ts") },
  { find: /^@baton-io\/core\/testing$/, replacement: source("core/src/testing/index.ts") },
  { find: /^@baton-io\/(core|detect|driver-(?:uring|epoll|libuv))$/, replacement: source("$1/src/index.ts") },
];
