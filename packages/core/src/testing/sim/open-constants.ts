import { linuxOpenConstants, type OpenConstants } from "@baton-io/core/driver";

/** As on most machines with Linux. Source: include/uapi/asm-generic/fcntl.h. */
export const simOpenConstants: OpenConstants = linuxOpenConstants({
  ...{ O_RDONLY: 0, O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_NOCTTY: 0o400, O_TRUNC: 0o1000 },
  ...{ O_APPEND: 0o2000, O_NONBLOCK: 0o4000, O_DSYNC: 0o10000, O_DIRECT: 0o40000, O_DIRECTORY: 0o200000 },
  ...{ O_NOFOLLOW: 0o400000, O_NOATIME: 0o1000000, O_SYNC: 0o4010000 },
});
